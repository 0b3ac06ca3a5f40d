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
    """A seed entered another stage.

    accuracy_delta: the change of validation accuracy, in points, during the stage that it left.
    epochs_in_stage: how many epochs it spent in that stage.
    to_stage: DORMANT if the slot is empty again.
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
    """A seed was committed to its host.

    improvement: the host's progress since the seed germinated, in percentage points.
    contribution: the part that the seed itself contributes, in percentage points.
    """

    seed_id: str
    blueprint: Blueprint
    parameter_count: int
    alpha: float
    epochs_total: int
    improvement: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """A seed was removed. Its improvement and contribution mean the same as in Fossilized and are as last measured."""

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

    refused: None if the change was made; otherwise the reason in plain words, and then state is the old one.
    events: what happened, in order. If a gate refused, its report is among them.
    """

    state: SeedState | None
    events: tuple[LifecycleEvent, ...] = ()
    refused: str | None = None
