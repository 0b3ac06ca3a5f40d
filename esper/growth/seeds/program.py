"""Seeds in the form that the native kernels take.

Legend: R rows of seeds, P parameters per row.
"""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import AlphaAlgorithm
from esper.growth.lifecycle.state import SlotControl
from esper.growth.seeds.planted_seed import SeedModule
from esper.layers.native.program import BankProgram, BlendMode, can_run
from esper.layers.rows import parameters_per_row


def seed_program(module: SeedModule, envs: Sequence[int], controls: Sequence[SlotControl | None]) -> BankProgram | None:
    """These seeds and how they run, or None if their blueprint has no program that the kernels can run.

    envs: the env of each row.
    controls: the control of each row, or None if its seed is not in the forward path.
    """
    program, gamma = module.seed.own_program(), module.seed.gamma
    parameters = list(module.parameters())
    if program is None or not can_run(program, gamma.shape[1], parameters):
        return None
    return BankProgram(
        program=program,
        gamma=gamma,
        gate=None if module.gate is None else module.gate.weights(),
        parameters=parameters,
        envs=envs,
        modes=[blend_mode(control) for control in controls],
        isolated=[control is None or control.isolate for control in controls],
        alphas=[0.0 if control is None else control.alpha for control in controls],
        gradients_rp=gamma.new_zeros(len(envs), parameters_per_row(module)),
    )


def blend_mode(control: SlotControl | None) -> BlendMode:
    """How the kernels blend a seed under this control."""
    if control is None:
        return BlendMode.OFF
    if control.straight_through:
        return BlendMode.STRAIGHT_THROUGH
    return BlendMode.MULTIPLY if control.algorithm is AlphaAlgorithm.MULTIPLY else BlendMode.ADD
