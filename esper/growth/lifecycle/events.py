"""What the lifecycle functions return: the new state, what happened on the way, or why nothing did."""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, Blueprint
from esper.contracts.gates import GateResult
from esper.contracts.seeds import PruneInitiator
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle.state import SeedState


@dataclass(frozen=True, slots=True, kw_only=True)
class Germinated:
    seed_id: str
    blueprint: Blueprint
    parameter_count: int
    tempo_epochs: int
    alpha_target: float
    alpha_algorithm: AlphaAlgorithm
    alpha_curve: AlphaCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChanged:
    """accuracy_delta: change of validation accuracy, in points, over the stage that was left.
    epochs_in_stage: spent there. to_stage DORMANT: the slot is empty again.
    """

    seed_id: str
    blueprint: Blueprint
    from_stage: SeedStage
    to_stage: SeedStage
    alpha: float
    accuracy_delta: float
    epochs_in_stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvaluated:
    seed_id: str
    blueprint: Blueprint
    result: GateResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Fossilized:
    """improvement: progress since germination, contribution: of the seed alone; both in percentage points."""

    seed_id: str
    blueprint: Blueprint
    parameter_count: int
    alpha: float
    epochs_total: int
    improvement: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """improvement and contribution as in Fossilized, as last measured."""

    seed_id: str
    blueprint: Blueprint
    reason: str
    initiator: PruneInitiator
    epochs_total: int
    improvement: float
    contribution: float | None


LifecycleEvent = Germinated | StageChanged | GateEvaluated | Fossilized | Pruned


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The outcome of one lifecycle function.

    refused: None when it was done; otherwise the reason in plain words, and state is what it was before.
    events: in the order in which things happened; a refusal by a gate carries the gate's report.
    """

    state: SeedState | None
    events: tuple[LifecycleEvent, ...] = ()
    refused: str | None = None
