"""Credit for what seeds contribute, measured by switching them off, and the guards against gaming that measure.

In the formulas, c is the contribution of one seed, I the total contribution of all seeds (val_acc minus all-off), and p
the progress of val_acc since the seed was germinated, all in percentage points. A negative I means that the seeds
together hurt, however large the c of one seed looks.
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
    """2ab / (a + b) for two positive numbers. It stays close to the smaller one, so neither alone can earn much.

    >>> harmonic_mean(1.0, 3.0)
    1.5
    """
    return 2.0 * first * second / (first + second)


def earned_credit(contribution: float, confirmed: float) -> float:
    """What a measured c is worth, given s, the confirmed part of it.

    It is c if c hurts, 0 if s <= 0, 2sc / (s + c) if c > s, and c otherwise.

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


def credited_points(inputs: ContributionRewardInputs, slot: SlotRewardInputs, accuracy: float) -> float:
    """What a measured c is worth: c if it hurts, else what is confirmed of it.

    Without a control host, confirmation rests on the host's own past and earned_credit applies. With one, s is the
    seed's share of what growing brought, and may be negative: a seed is not worth having for being needed.
    """
    contribution = slot.contribution
    assert contribution is not None
    confirmed = confirmed_points(inputs, slot, accuracy)
    if inputs.control_val_acc is None:
        return earned_credit(contribution, confirmed)
    return contribution if contribution < 0.0 else confirmed


def confirmed_points(inputs: ContributionRewardInputs, slot: SlotRewardInputs, accuracy: float) -> float:
    """s, the part of c > 0 that is confirmed: min(accuracy - accuracy at germination, c * min(1, (I + H) / C)).

    C is the sum of the contributions above 0, and H is minus the sum of those below 0. Seeds that need each other claim
    more than they contribute together (C > I + H), so they share what they contribute. A lone seed has C = I + H, and
    so have seeds that do not influence each other.

    With a control host, s is c * min(1, (accuracy - control) / C): the seeds share what the host is ahead of, or
    behind, an equal one that never grew.
    """
    seed, contribution = slot.before, slot.contribution
    assert seed is not None
    assert contribution is not None
    if contribution <= 0.0:
        return 0.0
    measured = [other.contribution for other in inputs.slots if other.contribution is not None]
    claimed = sum(value for value in measured if value > 0.0)
    if inputs.control_val_acc is not None:
        return contribution * min(1.0, (accuracy - inputs.control_val_acc) / claimed)
    harm = -sum(value for value in measured if value < 0.0)
    whole = contribution * min(1.0, (measured_total(inputs) + harm) / claimed)
    return min(accuracy - seed.accuracy_at_germination, whole)


def timing_discount(germination_epoch: int, config: RewardConfig) -> float:
    """The discount for early seeds, which rises linearly with the epoch of germination.

    It is config.timing_discount_floor for epoch 0, and 1 from config.timing_warmup_epochs on.
    """
    if germination_epoch >= config.timing_warmup_epochs:
        return 1.0
    floor = config.timing_discount_floor
    return floor + (1.0 - floor) * germination_epoch / config.timing_warmup_epochs


def seed_timing_discount(inputs: ContributionRewardInputs, seed: SeedInfo) -> float:
    """The timing_discount for the epoch in which this seed was germinated."""
    return timing_discount(inputs.epoch - seed.epochs_total, inputs.config)


def measured_total(inputs: ContributionRewardInputs) -> float:
    """I, in a step in which the c of some seed was measured."""
    assert inputs.total_contribution is not None, "a contribution was measured without the all-off configuration"
    return inputs.total_contribution


def slot_attribution(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """A, which one slot's seed is credited with in this epoch, before any op reverses it.

    With a measured c it is earned_credit, times fossilized_share for a fossilised seed. Without one it is 0.3 * max(0,
    improvement in this stage) from BLENDING on, and 0 before. If it is not negative, the timing discount applies.
    """
    seed = slot.before
    if seed is None:
        return 0.0
    credit = earning_share(inputs, slot) * _raw_credit(inputs, slot, seed)
    return credit if credit <= 0.0 else credit * seed_timing_discount(inputs, seed)


def _raw_credit(inputs: ContributionRewardInputs, slot: SlotRewardInputs, seed: SeedInfo) -> float:
    if slot.contribution is None:
        if seed.stage not in FORWARD_STAGES or inputs.control_val_acc is not None:
            return 0.0
        return _PROXY_WEIGHT * max(0.0, seed.improvement_since_stage_start)
    return credited_points(inputs, slot, inputs.val_acc)


def credited_attribution(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """A after the op. For the targeted slot, PRUNE turns credit into blame and cancels blame that was due."""
    attribution = slot_attribution(inputs, slot)
    return -max(attribution, 0.0) if inputs.hits(Op.PRUNE, slot) else attribution


def bounded_attribution(inputs: ContributionRewardInputs) -> float:
    """contribution_weight times the sum over slots of A after the op."""
    total = sum(credited_attribution(inputs, slot) for slot in inputs.slots)
    return inputs.config.contribution_weight * total


def ratio_penalty(inputs: ContributionRewardInputs) -> float:
    """The sum over slots of R, which punishes credit that the whole does not show.

    A seed that has made itself needed has such credit.

    R concerns seeds with c > 1 while I >= 0, and is at least -0.3 per slot. If I > 0.1, it is -min(0.3, 0.1 * (c/I - 5)
    / 5) where c/I > 5, and 0 elsewhere. If I <= 0.1, it is -0.3 * min(1, c/10). PRUNE does not change it, so pruning
    cannot cash it in. A fossilised seed is charged the share fossilized_share of R, as that is the share that it earns.
    """
    return sum(earning_share(inputs, slot) * slot_ratio_penalty(inputs, slot) for slot in inputs.slots)


def earning_share(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """The share of its credit that the slot's seed earns."""
    fossilized = slot.before is not None and slot.before.stage is SeedStage.FOSSILIZED
    return inputs.config.fossilized_share if fossilized else 1.0


def slot_ratio_penalty(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """R of one slot."""
    contribution = slot.contribution
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
    """The sum over live seeds with A > 0 and interaction_sum > 0 of 0.1 * tanh(0.5 * interaction_sum).

    Both seeds of a pair hold the pair's interaction, so both are paid for it. A slot earns at most 0.1.
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
