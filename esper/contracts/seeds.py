"""What one slot's seed looks like from outside: the record that masks, observations, rewards and telemetry read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, AlphaMode, Blueprint
from esper.contracts.stages import SeedStage


class PruneInitiator(StrEnum):
    """Who ended a seed's life."""

    POLICY = "policy"
    GOVERNOR = "governor"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientHealth:
    """The gradient statistics of one seed over the last epoch in which they were collected.

    norm: the L2 norm of the seed's gradient before clipping.
    health: 1 - 0.5 * share of tensors with norm below 1e-7 - 0.8 * share of tensors with norm above 50.
    ratio: (norm / host norm) * sqrt(host parameters / seed parameters), smoothed (EMA 0.9), at most 10.
    """

    norm: float
    health: float
    ratio: float
    has_vanishing: bool
    has_exploding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedInfo:
    """One slot's seed at one moment. Accuracies are in percent, contributions in percentage points, ages in epochs.

    Ages count the epochs that the seed has lived through.

    contribution: None until it is first measured.
    alpha_target: where alpha is heading or, before the first ramp, the target that was chosen at germination.
    """

    slot_id: str
    seed_id: str
    blueprint: Blueprint
    stage: SeedStage
    previous_stage: SeedStage
    previous_epochs_in_stage: int
    epochs_in_stage: int
    epochs_total: int
    parameter_count: int
    tempo_epochs: int
    alpha: float
    alpha_target: float
    alpha_mode: AlphaMode
    alpha_algorithm: AlphaAlgorithm
    alpha_curve: AlphaCurve
    alpha_steps_total: int
    alpha_steps_done: int
    alpha_velocity: float
    accuracy_at_germination: float
    accuracy_at_stage_start: float
    current_accuracy: float
    best_accuracy: float
    accuracy_at_blending_start: float | None
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
