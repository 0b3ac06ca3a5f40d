"""Gates: what opens them, what keeps them closed, and what they report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from esper.contracts.actions import AlphaCurve, AlphaMode, Blueprint, Style
from esper.contracts.gates import Gate, GateResult
from esper.contracts.seeds import GradientHealth
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle.alpha import AlphaState, retarget
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.gates import describe_failure, evaluate_gate
from esper.growth.lifecycle.state import Germination, SeedState
from esper.growth.lifecycle.transitions import germinate

HEALTHY = GradientHealth(norm=1.0, health=1.0, ratio=0.5, has_vanishing=False, has_exploding=False)
PERMISSIVE = GrowthConfig()
STRICT = GrowthConfig(permissive_gates=False)


def seed(stage: SeedStage, **changes: Any) -> SeedState:
    request = Germination(
        seed_id="seed",
        blueprint=Blueprint.NORM,
        style=Style.SIGMOID_ADD,
        tempo_epochs=5,
        alpha_target=1.0,
        parameter_count=17,
        val_accuracy=20.0,
    )
    state = germinate(None, request).state
    assert state is not None
    return replace(state, stage=stage, **changes)


def failed(result: GateResult) -> set[str]:
    return {check.name for check in result.failed_checks}


def trained(**changes: Any) -> SeedState:
    values: dict[str, Any] = {"epochs_in_stage": 10, "gradient": HEALTHY, "current_accuracy": 20.5, **changes}
    return seed(SeedStage.TRAINING, **values)


def test_g1_opens_for_a_germinated_seed_only() -> None:
    assert evaluate_gate(seed(SeedStage.GERMINATED), SeedStage.TRAINING, PERMISSIVE).passed
    result = evaluate_gate(seed(SeedStage.TRAINING), SeedStage.TRAINING, PERMISSIVE)
    assert result.gate is Gate.G1
    assert failed(result) == {"stage"}


def test_g2_opens_for_a_trained_healthy_seed() -> None:
    result = evaluate_gate(trained(), SeedStage.BLENDING, PERMISSIVE)
    assert result.passed
    assert result.score == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "closed_by"),
    [
        ({"epochs_in_stage": 9}, {"epochs_in_stage"}),
        ({"gradient": None}, {"gradient_measured", "gradient_not_exploding", "gradient_health"}),
        ({"gradient": replace(HEALTHY, has_exploding=True)}, {"gradient_not_exploding"}),
        ({"gradient": replace(HEALTHY, health=0.69)}, {"gradient_health"}),
        ({"gradient": replace(HEALTHY, health=0.7)}, set[str]()),
        ({"gradient": replace(HEALTHY, ratio=0.0)}, set[str]()),
        ({"current_accuracy": 1.0}, set[str]()),
    ],
)
def test_g2_permissive_checks(changes: dict[str, Any], closed_by: set[str]) -> None:
    result = evaluate_gate(trained(**changes), SeedStage.BLENDING, PERMISSIVE)
    assert failed(result) == closed_by
    assert result.passed == (not closed_by)


@pytest.mark.parametrize(
    ("changes", "closed_by"),
    [
        ({}, set[str]()),
        ({"current_accuracy": 20.4}, {"improvement_since_stage_start"}),
        ({"gradient": replace(HEALTHY, ratio=0.09)}, {"gradient_ratio"}),
    ],
)
def test_g2_strict_asks_for_improvement_too(changes: dict[str, Any], closed_by: set[str]) -> None:
    assert failed(evaluate_gate(trained(**changes), SeedStage.BLENDING, STRICT)) == closed_by


def test_g2_strict_age_raises_the_threshold() -> None:
    config = replace(STRICT, min_training_epochs=1, min_stage_epochs_strict=3)
    assert failed(evaluate_gate(trained(epochs_in_stage=2), SeedStage.BLENDING, config)) == {"epochs_in_stage"}
    permissive = replace(config, permissive_gates=True)
    assert evaluate_gate(trained(epochs_in_stage=2), SeedStage.BLENDING, permissive).passed


@pytest.mark.parametrize("target", [0.5, 0.7, 1.0])
def test_g3_opens_at_any_target_that_alpha_has_reached(target: float) -> None:
    state = seed(SeedStage.BLENDING, alpha=AlphaState.resting(target))
    result = evaluate_gate(state, SeedStage.HOLDING, PERMISSIVE)
    assert result.passed
    assert result.score == target


def test_g3_stays_closed_on_a_ramp_and_at_zero() -> None:
    ramp = retarget(AlphaState.resting(0.0), target=1.0, steps=5, curve=AlphaCurve.LINEAR, steepness=12.0)
    moving = evaluate_gate(seed(SeedStage.BLENDING, alpha=ramp), SeedStage.HOLDING, PERMISSIVE)
    assert failed(moving) == {"alpha_at_rest", "distance_to_alpha_target"}
    off = evaluate_gate(seed(SeedStage.BLENDING), SeedStage.HOLDING, PERMISSIVE)
    assert failed(off) == {"alpha_target_positive"}


def test_g3_at_rest_away_from_its_target_stays_closed() -> None:
    stuck = replace(AlphaState.resting(0.4), target=0.5, mode=AlphaMode.HOLD)
    result = evaluate_gate(seed(SeedStage.BLENDING, alpha=stuck), SeedStage.HOLDING, PERMISSIVE)
    assert failed(result) == {"distance_to_alpha_target"}


def test_g3_strict_asks_for_age() -> None:
    state = seed(SeedStage.BLENDING, alpha=AlphaState.resting(1.0), epochs_in_stage=2)
    assert failed(evaluate_gate(state, SeedStage.HOLDING, STRICT)) == {"epochs_in_stage"}
    assert evaluate_gate(replace(state, epochs_in_stage=3), SeedStage.HOLDING, STRICT).passed


def test_g5_needs_a_measured_contribution_of_any_sign() -> None:
    held = seed(SeedStage.HOLDING)
    assert failed(evaluate_gate(held, SeedStage.FOSSILIZED, PERMISSIVE)) == {"contribution_measured"}
    harmful = evaluate_gate(replace(held, contribution=-3.0), SeedStage.FOSSILIZED, PERMISSIVE)
    assert harmful.passed
    assert harmful.score == 0.0


def test_g5_strict_asks_for_enough_contribution() -> None:
    weak = seed(SeedStage.HOLDING, contribution=0.9)
    assert failed(evaluate_gate(weak, SeedStage.FOSSILIZED, STRICT)) == {"contribution"}
    strong = evaluate_gate(replace(weak, contribution=4.0), SeedStage.FOSSILIZED, STRICT)
    assert strong.passed
    assert strong.score == pytest.approx(0.4)


def test_g5_looks_at_gradient_health_where_it_was_measured() -> None:
    sick = seed(SeedStage.HOLDING, contribution=2.0, gradient=replace(HEALTHY, health=0.2))
    assert failed(evaluate_gate(sick, SeedStage.FOSSILIZED, PERMISSIVE)) == {"gradient_health"}


def test_every_check_is_reported_with_value_and_threshold_even_when_others_fail() -> None:
    result = evaluate_gate(trained(epochs_in_stage=3, gradient=None), SeedStage.BLENDING, STRICT)
    checks = {check.name: check for check in result.checks}
    assert (checks["epochs_in_stage"].value, checks["epochs_in_stage"].threshold) == (3, 10)
    assert checks["gradient_health"].value is None
    assert checks["improvement_since_stage_start"].passed
    assert not result.passed


def test_failure_in_plain_words() -> None:
    result = evaluate_gate(trained(epochs_in_stage=3), SeedStage.BLENDING, PERMISSIVE)
    assert describe_failure(result) == "G2 not passed: epochs_in_stage 3 (needs 10)"
    unmeasured = evaluate_gate(seed(SeedStage.HOLDING), SeedStage.FOSSILIZED, STRICT)
    assert "contribution not measured (needs 1)" in describe_failure(unmeasured)
