"""The frozen record of one seed's life, what is measured about it, and what the fleet is to do with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from esper.contracts.actions import (
    STYLE_VALUES,
    AlphaAlgorithm,
    AlphaCurve,
    AlphaMode,
    Blueprint,
    Style,
    Topology,
)
from esper.contracts.seeds import GradientHealth, SeedInfo
from esper.contracts.stages import ACTIVE_STAGES, COOLDOWN_STAGES, SeedStage
from esper.growth.lifecycle.alpha import AlphaState

_GRADIENT_RATIO_DECAY = 0.9
_GRADIENT_RATIO_CAP = 10.0
_VELOCITY_DECAY = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Germination:
    """A request to put a seed into an empty slot.

    tempo_epochs: the length of the first alpha ramp.
    alpha_target: where that ramp ends, above 0 and at most 1.
    parameter_count: the size of the module, with its gamma.
    val_accuracy: the host's present accuracy, in percent.
    """

    seed_id: str
    blueprint: Blueprint
    style: Style
    tempo_epochs: int
    alpha_target: float
    parameter_count: int
    val_accuracy: float

    def __post_init__(self) -> None:
        assert self.tempo_epochs > 0, "the first ramp takes at least one epoch"
        assert 0.0 < self.alpha_target <= 1.0, "a seed must aim at an alpha above 0 and at most 1"
        assert self.parameter_count >= 0, "a module cannot have fewer than no parameters"

    @property
    def curve(self) -> AlphaCurve:
        return STYLE_VALUES[self.style][0]

    @property
    def algorithm(self) -> AlphaAlgorithm:
        return STYLE_VALUES[self.style][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedMeasurement:
    """What one epoch measured about one slot's seed. None means that it was not measured in this epoch.

    val_accuracy: in percent.
    contribution, interaction_sum: in percentage points.
    gradient: its ratio is raw here; SeedState smooths it.
    """

    val_accuracy: float
    contribution: float | None
    interaction_sum: float | None
    gradient: GradientHealth | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedState:
    """One slot's seed, from germination to the end of its cooldown. An empty slot has no state (None).

    Fields that are not described here mean the same as in SeedInfo.

    epochs_in_stage, epochs_total: epochs lived; both grow by one in every tick, also during cooldown.
    germination_alpha_target: where the first ramp will end.
    pending_prune_reason: set while alpha ramps down to a scheduled prune.
    parameter_count: 0 once the module is freed.
    """

    seed_id: str
    blueprint: Blueprint
    style: Style
    stage: SeedStage
    previous_stage: SeedStage
    previous_epochs_in_stage: int
    epochs_in_stage: int
    epochs_total: int
    parameter_count: int
    tempo_epochs: int
    alpha: AlphaState
    alpha_algorithm: AlphaAlgorithm
    germination_alpha_target: float
    pending_prune_reason: str | None
    accuracy_at_germination: float
    accuracy_at_stage_start: float
    accuracy_at_blending_start: float | None
    current_accuracy: float
    best_accuracy: float
    contribution: float | None
    contribution_velocity: float | None
    epochs_since_counterfactual: int | None
    interaction_sum: float | None
    gradient: GradientHealth | None
    previous_gradient_health: float | None

    @property
    def improvement_since_stage_start(self) -> float:
        return self.current_accuracy - self.accuracy_at_stage_start

    @property
    def progress_since_germination(self) -> float:
        return self.current_accuracy - self.accuracy_at_germination


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotControl:
    """How the fleet runs one slot's seed in the next epoch.

    alpha: the strength of the blend, from 0 to 1.
    straight_through: the host's values pass unchanged while the gradient reaches the seed (in TRAINING).
    isolate: the seed reads detached host features.
    frozen: the optimiser leaves the seed's parameters alone (while alpha ramps down).
    committed: the seed is part of the host for good (FOSSILIZED).
    """

    alpha: float
    straight_through: bool
    isolate: bool
    frozen: bool
    committed: bool
    algorithm: AlphaAlgorithm


def has_module(state: SeedState | None) -> bool:
    """Whether a module is allocated in the slot: from GERMINATED to FOSSILIZED it is, in an empty or cooling slot it is
    not.
    """
    return state is not None and state.stage not in COOLDOWN_STAGES


def slot_control(state: SeedState | None, topology: Topology) -> SlotControl | None:
    """How the fleet is to run this slot, or None if no module takes part in the forward pass.

    The module of a GERMINATED seed does not run yet. A transformer host adapts to its seed from BLENDING on, so there a
    seed is isolated only in TRAINING.
    """
    if state is None or state.stage not in ACTIVE_STAGES:
        return None
    training = state.stage is SeedStage.TRAINING
    committed = state.stage is SeedStage.FOSSILIZED
    return SlotControl(
        alpha=state.alpha.value,
        straight_through=training,
        isolate=training or (topology is Topology.CNN and not committed),
        frozen=state.alpha.mode is AlphaMode.DOWN,
        committed=committed,
        algorithm=state.alpha_algorithm,
    )


def seed_info(state: SeedState, slot_id: str) -> SeedInfo:
    """The seed as masks, observations, rewards and telemetry see it."""
    before_first_ramp = state.stage in (SeedStage.GERMINATED, SeedStage.TRAINING)
    return SeedInfo(
        slot_id=slot_id,
        seed_id=state.seed_id,
        blueprint=state.blueprint,
        stage=state.stage,
        previous_stage=state.previous_stage,
        previous_epochs_in_stage=state.previous_epochs_in_stage,
        epochs_in_stage=state.epochs_in_stage,
        epochs_total=state.epochs_total,
        parameter_count=state.parameter_count,
        tempo_epochs=state.tempo_epochs,
        alpha=state.alpha.value,
        alpha_target=state.germination_alpha_target if before_first_ramp else state.alpha.target,
        alpha_mode=state.alpha.mode,
        alpha_algorithm=state.alpha_algorithm,
        alpha_curve=state.alpha.curve,
        alpha_steps_total=state.alpha.steps_total,
        alpha_steps_done=state.alpha.steps_done,
        alpha_velocity=state.alpha.velocity,
        accuracy_at_germination=state.accuracy_at_germination,
        accuracy_at_stage_start=state.accuracy_at_stage_start,
        current_accuracy=state.current_accuracy,
        best_accuracy=state.best_accuracy,
        accuracy_at_blending_start=state.accuracy_at_blending_start,
        contribution=state.contribution,
        contribution_velocity=state.contribution_velocity,
        epochs_since_counterfactual=state.epochs_since_counterfactual,
        interaction_sum=state.interaction_sum,
        gradient=state.gradient,
        previous_gradient_health=state.previous_gradient_health,
    )


def record_measurement(state: SeedState, measurement: SeedMeasurement) -> SeedState:
    """The state after one epoch's measurements, before the controller acts on them. No counter of age moves.

    What was not measured keeps its last value, except for interaction_sum, which belongs to one epoch only. The record
    of a pruned seed is closed and comes back unchanged.
    """
    if state.stage in COOLDOWN_STAGES:
        return state
    return replace(
        state,
        current_accuracy=measurement.val_accuracy,
        best_accuracy=max(state.best_accuracy, measurement.val_accuracy),
        contribution=state.contribution if measurement.contribution is None else measurement.contribution,
        contribution_velocity=_contribution_velocity(state, measurement.contribution),
        epochs_since_counterfactual=_epochs_since_counterfactual(state, measurement.contribution),
        interaction_sum=measurement.interaction_sum,
        gradient=_smoothed(state.gradient, measurement.gradient),
        previous_gradient_health=_previous_gradient_health(state, measurement.gradient),
    )


def _epochs_since_counterfactual(state: SeedState, contribution: float | None) -> int | None:
    if contribution is not None:
        return 0
    since = state.epochs_since_counterfactual
    return None if since is None else since + 1


def _contribution_velocity(state: SeedState, contribution: float | None) -> float | None:
    """The moving average (0.7 old + 0.3 new) of the change of contribution. The first change counts in full."""
    if contribution is None or state.contribution is None:
        return state.contribution_velocity
    change = contribution - state.contribution
    if state.contribution_velocity is None:
        return change
    return _VELOCITY_DECAY * state.contribution_velocity + (1.0 - _VELOCITY_DECAY) * change


def _smoothed(previous: GradientHealth | None, measured: GradientHealth | None) -> GradientHealth | None:
    """The new gradient statistics with their ratio smoothed (EMA 0.9). The first measurement counts in full."""
    if measured is None:
        return previous
    ratio = min(measured.ratio, _GRADIENT_RATIO_CAP)
    if previous is not None:
        ratio = _GRADIENT_RATIO_DECAY * previous.ratio + (1.0 - _GRADIENT_RATIO_DECAY) * ratio
    return replace(measured, ratio=ratio)


def _previous_gradient_health(state: SeedState, measured: GradientHealth | None) -> float | None:
    if measured is None or state.gradient is None:
        return state.previous_gradient_health
    return state.gradient.health
