"""Gates: what a seed must show before it enters its next stage, as pure functions of one frozen state.

Every check is reported with its value and its threshold, whether it passed or not. Permissive mode requires only what
makes the next stage meaningful at all; strict mode also requires improvement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from esper.contracts.actions import AlphaMode, Blueprint
from esper.contracts.constants import ALPHA_TOLERANCE
from esper.contracts.gates import GATE_FOR_TARGET, GateCheck, GateResult
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SeedState

_SOURCE_STAGE: Final[dict[SeedStage, SeedStage]] = {
    SeedStage.GERMINATED: SeedStage.DORMANT,
    SeedStage.TRAINING: SeedStage.GERMINATED,
    SeedStage.BLENDING: SeedStage.TRAINING,
    SeedStage.HOLDING: SeedStage.BLENDING,
    SeedStage.FOSSILIZED: SeedStage.HOLDING,
}
_FULL_SCORE_IMPROVEMENT: Final = 5.0
_FULL_SCORE_CONTRIBUTION: Final = 10.0


def evaluate_gate(state: SeedState, target: SeedStage, config: GrowthConfig) -> GateResult:
    """Every check of the gate that leads into target, and the gate's score between 0 and 1.

    target: any stage from TRAINING to FOSSILIZED.
    """
    return _result(state, target, _CHECKS[target](state, config))


def evaluate_germination_gate(state: SeedState) -> GateResult:
    """Gate G0, for a seed that is still DORMANT: it must have a name and a blueprint. No rule of growth applies yet."""
    checks = (
        _flag("seed_is_named", bool(state.seed_id)),
        _flag("blueprint_is_real", state.blueprint is not Blueprint.NOOP),
    )
    return _result(state, SeedStage.GERMINATED, checks)


def _result(state: SeedState, target: SeedStage, own_checks: tuple[GateCheck, ...]) -> GateResult:
    checks = (_stage_check(state, target), *own_checks)
    passed = all(check.passed for check in checks)
    return GateResult(
        gate=GATE_FOR_TARGET[target],
        target_stage=target,
        passed=passed,
        score=_score(state, target, passed),
        checks=checks,
    )


def describe_failure(result: GateResult) -> str:
    """Why a gate stayed closed, in one line, for example "G2 not passed: epochs_in_stage 3 (needs 10)"."""
    return f"{result.gate.name} not passed: " + ", ".join(_describe(check) for check in result.failed_checks)


def _describe(check: GateCheck) -> str:
    value = "not measured" if check.value is None else f"{check.value:g}"
    needs = "" if check.threshold is None else f" (needs {check.threshold:g})"
    return f"{check.name} {value}{needs}"


def _stage_check(state: SeedState, target: SeedStage) -> GateCheck:
    source = _SOURCE_STAGE[target]
    return GateCheck(name="stage", value=float(state.stage), threshold=float(source), passed=state.stage is source)


def _at_least(name: str, value: float | None, threshold: float) -> GateCheck:
    passed = value is not None and value >= threshold
    return GateCheck(name=name, value=value, threshold=threshold, passed=passed)


def _flag(name: str, passed: bool) -> GateCheck:
    return GateCheck(name=name, value=float(passed), threshold=None, passed=passed)


def _training_checks(_state: SeedState, _config: GrowthConfig) -> tuple[GateCheck, ...]:
    return ()


def _blending_checks(state: SeedState, config: GrowthConfig) -> tuple[GateCheck, ...]:
    gradient = state.gradient
    needed_epochs = config.min_training_epochs
    if not config.permissive_gates:
        needed_epochs = max(needed_epochs, config.min_stage_epochs_strict)
    checks = (
        _at_least("epochs_in_stage", state.epochs_in_stage, needed_epochs),
        _flag("gradient_measured", gradient is not None),
        _flag("gradient_not_exploding", gradient is not None and not gradient.has_exploding),
        _at_least("gradient_health", None if gradient is None else gradient.health, config.min_gradient_health),
    )
    if config.permissive_gates:
        return checks
    return (
        *checks,
        _at_least(
            "improvement_since_stage_start",
            state.improvement_since_stage_start,
            config.min_stage_improvement,
        ),
        _at_least("gradient_ratio", None if gradient is None else gradient.ratio, config.min_gradient_ratio),
    )


def _holding_checks(state: SeedState, config: GrowthConfig) -> tuple[GateCheck, ...]:
    """The ramp must be over. A partial target is as good as 1, provided that alpha has reached it."""
    alpha = state.alpha
    distance = abs(alpha.value - alpha.target)
    checks = (
        _flag("alpha_at_rest", alpha.mode is AlphaMode.HOLD),
        GateCheck(
            name="distance_to_alpha_target",
            value=distance,
            threshold=ALPHA_TOLERANCE,
            passed=distance <= ALPHA_TOLERANCE,
        ),
        GateCheck(
            name="alpha_target_positive",
            value=alpha.target,
            threshold=ALPHA_TOLERANCE,
            passed=alpha.target > ALPHA_TOLERANCE,
        ),
    )
    if config.permissive_gates:
        return checks
    return (*checks, _at_least("epochs_in_stage", state.epochs_in_stage, config.min_stage_epochs_strict))


def _fossilized_checks(state: SeedState, config: GrowthConfig) -> tuple[GateCheck, ...]:
    """A seed that is to be committed must have been measured. Gradient health counts only if it was measured."""
    checks: tuple[GateCheck, ...] = (_flag("contribution_measured", state.contribution is not None),)
    if state.gradient is not None:
        checks += (_at_least("gradient_health", state.gradient.health, config.min_gradient_health),)
    if not config.permissive_gates:
        checks += (_at_least("contribution", state.contribution, config.min_fossilize_contribution),)
    return checks


_CHECKS: Final[dict[SeedStage, Callable[[SeedState, GrowthConfig], tuple[GateCheck, ...]]]] = {
    SeedStage.TRAINING: _training_checks,
    SeedStage.BLENDING: _blending_checks,
    SeedStage.HOLDING: _holding_checks,
    SeedStage.FOSSILIZED: _fossilized_checks,
}


def _score(state: SeedState, target: SeedStage, passed: bool) -> float:
    if target is SeedStage.BLENDING:
        return _clamp(state.improvement_since_stage_start / _FULL_SCORE_IMPROVEMENT)
    if target is SeedStage.HOLDING:
        return state.alpha.value
    if target is SeedStage.FOSSILIZED:
        return 0.0 if state.contribution is None else _clamp(state.contribution / _FULL_SCORE_CONTRIBUTION)
    return float(passed)


def _clamp(value: float) -> float:
    return min(max(value, 0.0), 1.0)
