"""Credit for what seeds bring, measured by switching them off, and the guards against gaming that measure.

Symbols: c contribution of one seed, I total contribution of all seeds (val_acc minus all-off), p progress of
val_acc since the seed was germinated; all in percentage points. A negative I means that the seeds together hurt,
however large one seed's c looks.
"""

from __future__ import annotations

import math
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import FORWARD_STAGES, SeedStage
from esper.rewards.config import RewardConfig
from esper.rewards.types import ContributionRewardInputs, SlotRewardInputs

_DISCOUNT_STEEPNESS: Final = 3.0
_PROXY_WEIGHT: Final = 0.3
_RATIO_MIN_CONTRIBUTION: Final = 1.0
_RATIO_MIN_DISCOUNT: Final = 0.5
_RATIO_MIN_TOTAL: Final = 0.1
_RATIO_LIMIT: Final = 5.0
_RATIO_SLOPE: Final = 0.1
_RATIO_CAP: Final = 0.3
_RATIO_FULL_CONTRIBUTION: Final = 10.0
_SYNERGY_WEIGHT: Final = 0.1
_SYNERGY_SLOPE: Final = 0.5


def harmonic_mean(first: float, second: float) -> float:
    """2ab / (a + b) for two positive numbers: close to the smaller one, so that neither alone can earn much.

    >>> harmonic_mean(1.0, 3.0)
    1.5
    """
    return 2.0 * first * second / (first + second)


def attribution_discount(total_contribution: float | None) -> float:
    """D: 1 / (1 + exp(-3 I)) while the seeds together hurt (I < 0), else 1."""
    if total_contribution is None or total_contribution >= 0.0:
        return 1.0
    return 0.5 * (1.0 + math.tanh(0.5 * _DISCOUNT_STEEPNESS * total_contribution))


def timing_discount(germination_epoch: int, config: RewardConfig) -> float:
    """Linear from config.timing_discount_floor for a seed germinated in epoch 0 to 1 from timing_warmup_epochs on."""
    if germination_epoch >= config.timing_warmup_epochs:
        return 1.0
    floor = config.timing_discount_floor
    return floor + (1.0 - floor) * germination_epoch / config.timing_warmup_epochs


def slot_attribution(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """A: what one slot's seed is credited with this epoch, before any op turns it around.

    0 for no seed and for a fossilised one (paid when it was committed). With a measured c: c if c < 0; 0 if p <= 0;
    2pc / (p + c) if c >= p; else c. Without one: 0.3 * max(0, improvement in this stage) from BLENDING on, else 0.
    What is not negative is multiplied by the attribution discount and the timing discount.
    """
    seed = slot.before
    if seed is None or seed.stage is SeedStage.FOSSILIZED:
        return 0.0
    credit = _raw_credit(inputs, slot, seed)
    if credit <= 0.0:
        return credit
    germination_epoch = inputs.epoch - seed.epochs_total
    discount = attribution_discount(inputs.total_contribution)
    return credit * discount * timing_discount(germination_epoch, inputs.config)


def _raw_credit(inputs: ContributionRewardInputs, slot: SlotRewardInputs, seed: SeedInfo) -> float:
    contribution = slot.contribution
    if contribution is None:
        if seed.stage not in FORWARD_STAGES:
            return 0.0
        return _PROXY_WEIGHT * max(0.0, seed.improvement_since_stage_start)
    assert inputs.total_contribution is not None, "a contribution was measured without the all-off configuration"
    if contribution < 0.0:
        return contribution
    progress = inputs.val_acc - seed.accuracy_at_germination
    if progress <= 0.0:
        return 0.0
    return harmonic_mean(progress, contribution) if contribution >= progress else contribution


def credited_attribution(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """A after the op: PRUNE turns the targeted slot's A around, FOSSILIZE voids it while I < 0."""
    attribution = slot_attribution(inputs, slot)
    if slot.slot_id != inputs.slot_id:
        return attribution
    if inputs.action is Op.PRUNE and inputs.action_success:
        return -attribution
    total = inputs.total_contribution
    if inputs.action is Op.FOSSILIZE and total is not None and total < 0.0:
        return 0.0
    return attribution


def bounded_attribution(inputs: ContributionRewardInputs) -> float:
    """contribution_weight * sum over slots of A after the op."""
    total = sum(credited_attribution(inputs, slot) for slot in inputs.slots)
    return inputs.config.contribution_weight * total


def ratio_penalty(inputs: ContributionRewardInputs) -> float:
    """Sum over slots of R, which punishes credit that the whole does not show (a seed that made itself needed).

    R for a live seed with c > 1 while D >= 0.5. I > 0.1: -min(0.3, 0.1 * (c/I - 5) / 5) if c/I > 5, else 0.
    I <= 0.1: -0.3 * min(1, c/10). Added after PRUNE's turn of sign, so that pruning cannot cash it in. At least -0.3
    per slot.
    """
    if attribution_discount(inputs.total_contribution) < _RATIO_MIN_DISCOUNT:
        return 0.0
    return sum(_slot_ratio_penalty(inputs.total_contribution, slot) for slot in inputs.slots)


def _slot_ratio_penalty(total: float | None, slot: SlotRewardInputs) -> float:
    contribution = slot.contribution
    if slot.before is None or slot.before.stage is SeedStage.FOSSILIZED:
        return 0.0
    if contribution is None or contribution <= _RATIO_MIN_CONTRIBUTION:
        return 0.0
    assert total is not None, "a contribution was measured without the all-off configuration"
    if total <= _RATIO_MIN_TOTAL:
        return -_RATIO_CAP * min(1.0, contribution / _RATIO_FULL_CONTRIBUTION)
    excess = contribution / total - _RATIO_LIMIT
    if excess <= 0.0:
        return 0.0
    return -min(_RATIO_CAP, _RATIO_SLOPE * excess / _RATIO_LIMIT)


def synergy_bonus(inputs: ContributionRewardInputs) -> float:
    """Sum over slots of 0.1 * tanh(0.5 * interaction_sum), for slots with A > 0 and interaction_sum > 0, D >= 0.5.

    Both seeds of a pair hold the pair's interaction, so a pair pays both. At most 0.1 per slot.
    """
    if attribution_discount(inputs.total_contribution) < _RATIO_MIN_DISCOUNT:
        return 0.0
    return sum(_slot_synergy(inputs, slot) for slot in inputs.slots)


def _slot_synergy(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    interaction = None if slot.before is None else slot.before.interaction_sum
    if interaction is None or interaction <= 0.0 or credited_attribution(inputs, slot) <= 0.0:
        return 0.0
    return _SYNERGY_WEIGHT * math.tanh(_SYNERGY_SLOPE * interaction)
