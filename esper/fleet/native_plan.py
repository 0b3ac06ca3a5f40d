"""The part of a plan that native kernels carry out: banks whose seeds have a program.

Legend: E envs, R rows of a bank, P parameters per row.
"""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import AlphaAlgorithm
from esper.fleet.banks import SeedBank
from esper.growth.state import SlotControl
from esper.layers.native.program import BankProgram, BlendMode
from esper.layers.rows import parameters_per_row


def native_banks(banks: Sequence[SeedBank], column: Sequence[SlotControl | None]) -> dict[SeedBank, BankProgram]:
    """Those of a slot's banks that the kernels can run, as they take them. column: the slot's control in every env."""
    programs: dict[SeedBank, BankProgram] = {}
    for bank in banks:
        program = bank.module.seed.program()
        if program is None:
            continue
        controls = [column[env] for env in bank.envs]
        gate, gamma = bank.module.gate, bank.module.seed.gamma
        programs[bank] = BankProgram(
            program=program,
            gamma=gamma,
            gate=None if gate is None else gate.weights(),
            parameters=list(bank.module.parameters()),
            envs=bank.envs,
            modes=[blend_mode(control) for control in controls],
            isolated=[control is None or control.isolate for control in controls],
            alphas=[0.0 if control is None else control.alpha for control in controls],
            gradients_rp=gamma.new_zeros(len(bank.envs), parameters_per_row(bank.module)),
        )
    return programs


def blend_mode(control: SlotControl | None) -> BlendMode:
    """How the kernels blend a seed under this control."""
    if control is None:
        return BlendMode.OFF
    if control.straight_through:
        return BlendMode.STRAIGHT_THROUGH
    return BlendMode.MULTIPLY if control.algorithm is AlphaAlgorithm.MULTIPLY else BlendMode.ADD
