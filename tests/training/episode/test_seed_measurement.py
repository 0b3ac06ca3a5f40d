from __future__ import annotations

import pytest

from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.fleet.measure import EnvMeasurement, SeedGradient
from esper.training.episode.seed_measurement import gradient_health, interaction_sum, seed_measurement


def matrix(accuracies: dict[tuple[bool, ...], float], active: tuple[bool, ...]) -> CounterfactualMatrix:
    return CounterfactualMatrix(
        active=active,
        committed=(False,) * len(active),
        measurements=tuple(MaskedAccuracy(slots_on=mask, accuracy=value) for mask, value in accuracies.items()),
    )


TWO = matrix({(True, True): 70.0, (True, False): 60.0, (False, True): 55.0, (False, False): 50.0}, (True, True))


def test_two_active_seeds_have_an_interaction() -> None:
    assert interaction_sum(TWO, 0) == interaction_sum(TWO, 1) == pytest.approx(70 - 60 - 55 + 50)


def test_a_lone_seed_has_none() -> None:
    assert interaction_sum(matrix({(True, False): 60.0, (False, False): 50.0}, (True, False)), 0) is None


def test_gradient_health_counts_vanishing_and_exploding_tensors() -> None:
    health = gradient_health(SeedGradient(norm=2.0, vanishing_fraction=0.5, exploding_fraction=0.25, ratio=1.5))
    assert health.health == pytest.approx(1 - 0.25 - 0.2)
    assert health.has_vanishing
    assert health.has_exploding


def test_a_seed_that_did_not_run_has_no_contribution_and_no_gradient() -> None:
    measurement = EnvMeasurement(
        train_loss=1.0,
        train_accuracy=50.0,
        val_loss=1.0,
        host_grad_norm=0.5,
        counterfactual=matrix({(True, False): 60.0, (False, False): 50.0}, (True, False)),
        gradients=(SeedGradient(norm=1.0, vanishing_fraction=0.0, exploding_fraction=0.0, ratio=1.0), None),
    )
    assert seed_measurement(measurement, 0).contribution == 10.0
    assert measurement.counterfactual.contributions() == (10.0, None)
    idle = seed_measurement(measurement, 1)
    assert idle.contribution is None
    assert idle.gradient is None
    assert idle.val_accuracy == 60.0
