"""From a fleet's measurements to what the lifecycle records about each seed."""

from __future__ import annotations

from itertools import combinations

from esper.contracts.counterfactual import CounterfactualMatrix
from esper.contracts.seeds import GradientHealth
from esper.fleet.measure import EnvMeasurement, SeedGradient
from esper.growth.lifecycle.state import SeedMeasurement

VANISHING_WEIGHT = 0.5
EXPLODING_WEIGHT = 0.8


def seed_measurement(measurement: EnvMeasurement, slot: int) -> SeedMeasurement:
    """What one epoch measured about the seed of one slot."""
    gradient = measurement.gradients[slot]
    return SeedMeasurement(
        val_accuracy=measurement.val_accuracy,
        contribution=measurement.counterfactual.contribution(slot),
        interaction_sum=interaction_sum(measurement.counterfactual, slot),
        gradient=None if gradient is None else gradient_health(gradient),
    )


def gradient_health(gradient: SeedGradient) -> GradientHealth:
    """1 - 0.5 * share of vanishing tensors - 0.8 * share of exploding tensors, as in the original system."""
    return GradientHealth(
        norm=gradient.norm,
        health=1.0 - VANISHING_WEIGHT * gradient.vanishing_fraction - EXPLODING_WEIGHT * gradient.exploding_fraction,
        ratio=gradient.ratio,
        has_vanishing=gradient.vanishing_fraction > 0,
        has_exploding=gradient.exploding_fraction > 0,
    )


def interaction_sum(matrix: CounterfactualMatrix, slot: int) -> float | None:
    """The sum of this seed's measured interactions with other active seeds, in points, or None if none was measured."""
    active = [other for other, on in enumerate(matrix.active) if on]
    known = [
        value
        for first, second in combinations(active, 2)
        if slot in (first, second) and (value := matrix.interaction(first, second)) is not None
    ]
    return sum(known) if known else None
