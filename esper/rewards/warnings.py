"""Small, growing penalties for leaving a seed where a decision is due.

They are summed over slots and never positive.
"""

from __future__ import annotations

from typing import Final

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.attribution import slot_attribution
from esper.rewards.types import ContributionRewardInputs, SlotRewardInputs

_BASE: Final = 0.1
_PER_EPOCH: Final = 0.05
_BLENDING_GROWTH_CAP: Final = 0.3
_HOLDING_GRACE_EPOCHS: Final = 2
_HOLDING_CAP: Final = 0.3


def blending_warning(inputs: ContributionRewardInputs) -> float:
    """-(0.1 + min(0.05 e, 0.3)) for every seed in BLENDING while I < 0, where e counts its epochs in the stage."""
    total = inputs.total_contribution
    if total is None or total >= 0.0:
        return 0.0
    return sum(
        -(_BASE + min(_PER_EPOCH * slot.before.epochs_in_stage, _BLENDING_GROWTH_CAP))
        for slot in inputs.slots
        if slot.before is not None and slot.before.stage is SeedStage.BLENDING
    )


def holding_warning(inputs: ContributionRewardInputs) -> float:
    """-min(0.1 + 0.05 (e - 2), 0.3) for every seed in HOLDING for e >= 2 epochs with A > 0.

    The op does not matter, so keeping busy with SET_ALPHA_TARGET or ADVANCE elsewhere is no way out. Only FOSSILIZE and
    PRUNE are decisions.
    """
    if inputs.action in (Op.FOSSILIZE, Op.PRUNE):
        return 0.0
    return sum(_slot_holding_warning(inputs, slot) for slot in inputs.slots)


def _slot_holding_warning(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    seed = slot.before
    if seed is None or seed.stage is not SeedStage.HOLDING or seed.epochs_in_stage < _HOLDING_GRACE_EPOCHS:
        return 0.0
    if slot_attribution(inputs, slot) <= 0.0:
        return 0.0
    return -min(_BASE + _PER_EPOCH * (seed.epochs_in_stage - _HOLDING_GRACE_EPOCHS), _HOLDING_CAP)
