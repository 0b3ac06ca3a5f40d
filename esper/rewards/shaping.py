"""Potential-based shaping (Ng, Harada and Russell 1999): guidance that cannot change which policy is best.

One potential of the real state is taken before and after each step. The discounted sum over an episode of T steps is
therefore exactly weight * (gamma**T * Phi(last state) - Phi(first state)), whatever the seeds did in between.
"""

from __future__ import annotations

from typing import Final

from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.rewards.types import RewardInputs

STAGE_POTENTIAL: Final[dict[SeedStage, float]] = {
    SeedStage.GERMINATED: 1.0,
    SeedStage.TRAINING: 2.0,
    SeedStage.BLENDING: 3.5,
    SeedStage.HOLDING: 5.5,
    SeedStage.FOSSILIZED: 6.0,
}
"""Stages that are not listed, and an empty slot, have potential 0."""

_POTENTIAL_PER_EPOCH: Final = 0.3
_MAX_AGE_POTENTIAL: Final = 2.0
_HONEST_LIFE: Final = tuple(STAGE_POTENTIAL.values())
_AGE_POTENTIAL_LIMIT: Final[dict[SeedStage, float]] = {
    stage: min(following - own, _MAX_AGE_POTENTIAL)
    for (stage, own), following in zip(
        STAGE_POTENTIAL.items(), (*_HONEST_LIFE[1:], _HONEST_LIFE[-1] + _MAX_AGE_POTENTIAL), strict=True
    )
}
"""Age lifts a seed no higher than the potential of its next stage, so that advancing and committing never lower Phi."""

_UNFINISHED: Final = frozenset({SeedStage.GERMINATED, SeedStage.TRAINING})


def potential(seed: SeedInfo | None) -> float:
    """Phi of one slot: 0 for an empty or cooling slot, else the stage's potential + min(0.3 * epochs_in_stage, limit).

    The limit is the distance to the next stage's potential, at most 2.
    """
    if seed is None:
        return 0.0
    stage = STAGE_POTENTIAL.get(seed.stage)
    if stage is None:
        return 0.0
    return stage + min(_POTENTIAL_PER_EPOCH * seed.epochs_in_stage, _AGE_POTENTIAL_LIMIT[seed.stage])


def pbrs_bonus(inputs: RewardInputs) -> float:
    """potential_weight times the sum over slots of (gamma * Phi(after) - Phi(before)).

    after is the state in which the next epoch is observed. If an episode is truncated and the value of after is
    bootstrapped, its last Phi(after) counts like any other. If the last step is terminal, Phi(after) is 0, so an
    episode that began with empty slots has exactly nothing left of its shaping.
    """
    config = inputs.config
    before = sum(potential(slot.before) for slot in inputs.slots)
    after = 0.0 if inputs.terminal else sum(potential(slot.after) for slot in inputs.slots)
    return config.potential_weight * (config.gamma * after - before)


def germination_clawback(inputs: RewardInputs) -> float:
    """In the last epoch of a truncated episode, -potential_weight * gamma * Phi(after) of every seed not yet blended.

    A seed that was germinated too late to matter thus keeps nothing of its shaping. A terminal step has taken it back
    already.
    """
    if not inputs.is_last_epoch or inputs.terminal:
        return 0.0
    unfinished = sum(
        potential(slot.after) for slot in inputs.slots if slot.after is not None and slot.after.stage in _UNFINISHED
    )
    return -inputs.config.potential_weight * inputs.config.gamma * unfinished
