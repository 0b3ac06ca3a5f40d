"""BASIC and BASIC_PLUS: the bonus for committing a seed, paid at once or, for the larger part, drop by drop."""

from __future__ import annotations

from typing import Final

from esper.contracts.actions import Op
from esper.rewards.actions import committed_points, holding_maturity
from esper.rewards.attribution import confirmed_points, credited_points, harmonic_mean
from esper.rewards.state import DripPool
from esper.rewards.types import ContributionRewardInputs, SlotRewardInputs

_BASE: Final = 0.3
_PER_POINT: Final = 0.5
_WEAK_PENALTY: Final = 0.2
_RANSOM_PENALTY: Final = 0.5
_RANSOM_CONTRIBUTION: Final = 0.1
_MIN_DRIP_EPOCHS: Final = 5


def commit_bonus(inputs: ContributionRewardInputs) -> float:
    """What a FOSSILIZE earns; 0 for other ops.

    One that commits enough earns (0.3 + 0.5 * 2sc/(s + c)) * min(1, e/5), where s is the confirmed part of c and e
    counts the epochs in HOLDING. One with I <= 0 and c > 0.1 earns -0.5, and any other, also at a closed gate, -0.2.
    """
    if inputs.action is not Op.FOSSILIZE:
        return 0.0
    contribution, total = inputs.seed_contribution, inputs.total_contribution
    if contribution is None or total is None:
        return -_WEAK_PENALTY
    if total <= 0.0 and contribution > _RANSOM_CONTRIBUTION:
        return -_RANSOM_PENALTY
    if committed_points(inputs) is None:
        return -_WEAK_PENALTY
    confirmed = confirmed_points(inputs, inputs.target, inputs.val_acc)
    return (_BASE + _PER_POINT * harmonic_mean(confirmed, contribution)) * holding_maturity(inputs)


def commit_advance(inputs: ContributionRewardInputs) -> float:
    """commit_bonus if it is a penalty, else the share 1 - drip_share of it. The rest goes into the seed's drip pool."""
    bonus = commit_bonus(inputs)
    return bonus if bonus <= 0.0 else (1.0 - inputs.config.drip_share) * bonus


def commit_drip(inputs: ContributionRewardInputs) -> float:
    """The sum over fossilised seeds with a pool of scale * earned_credit, each between -max_drip_loss and max_drip."""
    return sum(_slot_drip(inputs, slot) for slot in inputs.slots)


def next_drips(inputs: ContributionRewardInputs, drips: tuple[DripPool, ...]) -> tuple[DripPool, ...]:
    """The pools after this step. The scale of a new one is drip_share * bonus / max(epochs left, 5)."""
    bonus = commit_bonus(inputs)
    if bonus <= 0.0:
        return drips
    assert inputs.seed_id is not None, "a FOSSILIZE that earns a bonus has a seed"
    epochs_left = max(inputs.max_epochs - inputs.epoch, _MIN_DRIP_EPOCHS)
    return (*drips, DripPool(seed_id=inputs.seed_id, scale=inputs.config.drip_share * bonus / epochs_left))


def _slot_drip(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    if slot.drip_scale is None or slot.contribution is None:
        return 0.0
    config = inputs.config
    credit = credited_points(inputs, slot, inputs.val_acc)
    return min(max(slot.drip_scale * credit, -config.max_drip_loss), config.max_drip)
