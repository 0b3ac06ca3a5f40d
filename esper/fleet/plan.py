"""What every bank has to do in the coming epoch, as tensors that are made once after slots changed.

Legend: E envs, R rows of a bank, S slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.contracts.actions import AlphaAlgorithm
from esper.contracts.counterfactual import SlotMask
from esper.fleet.banks import SeedBank, SeedBanks
from esper.growth.lifecycle.state import SlotControl
from esper.growth.seeds.blending import BlendControls, RowMask, row_mask
from esper.growth.seeds.program import seed_program
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.program import BankProgram, SlotProgram


@dataclass(frozen=True, slots=True, kw_only=True)
class BankPlan:
    """One bank's part in an epoch.

    rows: the envs of the bank's rows as a long tensor, or None if it has all envs in order.
    stepped: the rows whose parameters are trained.
    gradients_rp: where the slot's native program puts the gradients of the bank's parameters, or None if autograd
        leaves them with the parameters.
    """

    slot: int
    bank: SeedBank
    rows: Tensor | None
    blend: BlendControls
    stepped: RowMask
    gradients_rp: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """The banks that run in each slot, and the same facts as plain bools for the CPU.

    programs: for each slot, one operation that trains all banks with gradients_rp together.
    running, active, committed: one bool per env and slot, [E][S].
    """

    slots: tuple[tuple[BankPlan, ...], ...]
    programs: tuple[SlotProgram | None, ...]
    running: tuple[SlotMask, ...]
    active: tuple[SlotMask, ...]
    committed: tuple[SlotMask, ...]

    def banks(self) -> list[BankPlan]:
        """All banks that run, one slot after another."""
        return [plan for slot in self.slots for plan in slot]


def is_active(control: SlotControl | None) -> bool:
    """Whether this slot's seed can change the output now."""
    return control is not None and not control.straight_through and control.alpha > 0.0


def is_committed(control: SlotControl | None) -> bool:
    """Whether this slot's seed is part of the host for good."""
    return control is not None and control.committed


def make_plan(
    banks: SeedBanks,
    controls_es: Sequence[Sequence[SlotControl | None]],
    env_active: Sequence[bool],
    device: torch.device,
    algorithm: StackedAlgorithm,
) -> FleetPlan:
    """The plan for these controls. Banks without a running seed are left out."""
    slots = range(len(controls_es[0]))
    plans: list[tuple[BankPlan, ...]] = []
    programs: list[SlotProgram | None] = []
    for slot in slots:
        column = [controls[slot] for controls in controls_es]
        running = [bank for bank in banks.in_slot(slot) if any(column[env] is not None for env in bank.envs)]
        native = _native(running, column) if algorithm == "native" else {}
        programs.append(SlotProgram(list(native.values()), rows=len(column)) if native else None)
        plans.append(tuple(_plan_bank(slot, bank, column, env_active, device, native.get(bank)) for bank in running))
    return FleetPlan(
        slots=tuple(plans),
        programs=tuple(programs),
        running=tuple(tuple(control is not None for control in controls) for controls in controls_es),
        active=tuple(tuple(is_active(control) for control in controls) for controls in controls_es),
        committed=tuple(tuple(is_committed(control) for control in controls) for controls in controls_es),
    )


def _native(banks: Sequence[SeedBank], column: Sequence[SlotControl | None]) -> dict[SeedBank, BankProgram]:
    """The banks of a slot that native kernels can run, in the form that these take."""
    programs = {bank: seed_program(bank.module, bank.envs, [column[env] for env in bank.envs]) for bank in banks}
    return {bank: program for bank, program in programs.items() if program is not None}


def _plan_bank(
    slot: int,
    bank: SeedBank,
    column: Sequence[SlotControl | None],
    env_active: Sequence[bool],
    device: torch.device,
    native: BankProgram | None,
) -> BankPlan:
    controls = [column[env] for env in bank.envs]
    for control in controls:
        gated = control is not None and control.algorithm is AlphaAlgorithm.GATE
        assert control is None or gated == bank.module.gated, "a seed has a gate exactly while it is blended by GATE"
    alphas = torch.tensor([0.0 if control is None else control.alpha for control in controls], device=device)
    whole = bank.envs == list(range(len(column)))
    stepped = [
        control is not None and not control.frozen and env_active[env]
        for control, env in zip(controls, bank.envs, strict=True)
    ]
    blend = BlendControls(
        alpha_r1111=alphas.view(-1, *[1] * (bank.module.seed.feature_dims - 1)),
        running=row_mask([control is not None for control in controls], device),
        straight_through=row_mask([control is not None and control.straight_through for control in controls], device),
        isolate=row_mask([control is None or control.isolate for control in controls], device),
        multiply=row_mask(
            [control is not None and control.algorithm is AlphaAlgorithm.MULTIPLY for control in controls], device
        ),
    )
    return BankPlan(
        slot=slot,
        bank=bank,
        rows=None if whole else torch.tensor(bank.envs, device=device),
        blend=blend,
        stepped=row_mask(stepped, device),
        gradients_rp=None if native is None else native.gradients_rp,
    )
