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

_PROXY_WEIGHT: Final = 0.3
_RATIO_MIN_CONTRIBUTION: Final = 1.0
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


def earned_credit(contribution: float, confirmed: float) -> float:
    """What a measured c is worth: c if it hurts; 0 if confirmed <= 0; 2sc / (s + c) if c > confirmed = s; else c.

    >>> earned_credit(10.0, 30.0)
    10.0
    >>> earned_credit(30.0, 10.0)
    15.0
    """
    if contribution < 0.0:
        return contribution
    if confirmed <= 0.0:
        return 0.0
    return harmonic_mean(confirmed, contribution) if contribution > confirmed else contribution


def confirmed_points(inputs: ContributionRewardInputs, slot: SlotRewardInputs, accuracy: float) -> float:
    """s: how much of c > 0 is confirmed: min(accuracy - accuracy at germination, c * min(1, (I + H) / C)).

    C: sum of the contributions above 0, H: minus the sum of those below. Seeds that need each other claim more than
    they bring together (C > I + H) and share what they bring; a lone seed, and seeds that do not touch, have C = I + H.
    """
    seed, contribution = slot.before, slot.contribution
    assert seed is not None
    assert contribution is not None
    if contribution <= 0.0:
        return 0.0
    measured = [other.contribution for other in inputs.slots if other.contribution is not None]
    claimed = sum(value for value in measured if value > 0.0)
    harm = -sum(value for value in measured if value < 0.0)
    whole = contribution * min(1.0, (measured_total(inputs) + harm) / claimed)
    return min(accuracy - seed.accuracy_at_germination, whole)


def timing_discount(germination_epoch: int, config: RewardConfig) -> float:
    """Linear from config.timing_discount_floor for a seed germinated in epoch 0 to 1 from timing_warmup_epochs on."""
    if germination_epoch >= config.timing_warmup_epochs:
        return 1.0
    floor = config.timing_discount_floor
    return floor + (1.0 - floor) * germination_epoch / config.timing_warmup_epochs


def seed_timing_discount(inputs: ContributionRewardInputs, seed: SeedInfo) -> float:
    """timing_discount for the epoch in which this seed was germinated."""
    return timing_discount(inputs.epoch - seed.epochs_total, inputs.config)


def measured_total(inputs: ContributionRewardInputs) -> float:
    """I, for a step in which some c was measured."""
    assert inputs.total_contribution is not None, "a contribution was measured without the all-off configuration"
    return inputs.total_contribution


def slot_attribution(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """A: what one slot's seed is credited with this epoch, before any op turns it around.

    With a measured c: earned_credit, times fossilized_share for a fossilised seed. Without one: 0.3 * max(0,
    improvement in this stage) from BLENDING on, else 0. What is not negative is multiplied by the timing discount.
    """
    seed = slot.before
    if seed is None:
        return 0.0
    credit = _raw_credit(inputs, slot, seed)
    if seed.stage is SeedStage.FOSSILIZED:
        credit *= inputs.config.fossilized_share
    return credit if credit <= 0.0 else credit * seed_timing_discount(inputs, seed)


def _raw_credit(inputs: ContributionRewardInputs, slot: SlotRewardInputs, seed: SeedInfo) -> float:
    if slot.contribution is None:
        if seed.stage not in FORWARD_STAGES:
            return 0.0
        return _PROXY_WEIGHT * max(0.0, seed.improvement_since_stage_start)
    return earned_credit(slot.contribution, confirmed_points(inputs, slot, inputs.val_acc))


def credited_attribution(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """A after the op: PRUNE turns credit of the targeted slot into blame, and spares it blame that was due."""
    attribution = slot_attribution(inputs, slot)
    return -max(attribution, 0.0) if inputs.hits(Op.PRUNE, slot) else attribution


def bounded_attribution(inputs: ContributionRewardInputs) -> float:
    """contribution_weight * sum over slots of A after the op."""
    total = sum(credited_attribution(inputs, slot) for slot in inputs.slots)
    return inputs.config.contribution_weight * total


def ratio_penalty(inputs: ContributionRewardInputs) -> float:
    """Sum over slots of R, which punishes credit that the whole does not show (a seed that made itself needed).

    R for a live seed with c > 1 while I >= 0. I > 0.1: -min(0.3, 0.1 * (c/I - 5) / 5) if c/I > 5, else 0.
    I <= 0.1: -0.3 * min(1, c/10). Untouched by PRUNE, so that pruning cannot cash it in. At least -0.3 per slot.
    """
    return sum(slot_ratio_penalty(inputs, slot) for slot in inputs.slots)


def slot_ratio_penalty(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """R of one slot."""
    contribution = slot.contribution
    if slot.before is None or slot.before.stage is SeedStage.FOSSILIZED:
        return 0.0
    if contribution is None or contribution <= _RATIO_MIN_CONTRIBUTION:
        return 0.0
    total = measured_total(inputs)
    if total < 0.0:
        return 0.0
    if total <= _RATIO_MIN_TOTAL:
        return -_RATIO_CAP * min(1.0, contribution / _RATIO_FULL_CONTRIBUTION)
    excess = contribution / total - _RATIO_LIMIT
    return 0.0 if excess <= 0.0 else -min(_RATIO_CAP, _RATIO_SLOPE * excess / _RATIO_LIMIT)


def synergy_bonus(inputs: ContributionRewardInputs) -> float:
    """Sum over live seeds with A > 0 and interaction_sum > 0 of 0.1 * tanh(0.5 * interaction_sum).

    Both seeds of a pair hold the pair's interaction, so a pair pays both. At most 0.1 per slot.
    """
    return sum(_slot_synergy(inputs, slot) for slot in inputs.slots)


def _slot_synergy(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    seed = slot.before
    if seed is None or seed.stage is SeedStage.FOSSILIZED:
        return 0.0
    interaction = seed.interaction_sum
    if interaction is None or interaction <= 0.0 or credited_attribution(inputs, slot) <= 0.0:
        return 0.0
    return _SYNERGY_WEIGHT * math.tanh(_SYNERGY_SLOPE * interaction)
