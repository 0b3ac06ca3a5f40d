"""The life of a seed: germination, stages, gates, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, AlphaMode
from esper.contracts.gates import Gate, GateCheck
from esper.contracts.seeds import PruneInitiator
from esper.contracts.stages import SeedStage
from esper.telemetry.bounds import Count, EnvId, EpochCount, Share
from esper.telemetry.events.kinds import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGerminated:
    kind: ClassVar[EventKind] = EventKind.SEED_GERMINATED
    env_id: EnvId
    slot_id: str
    seed_id: str
    blueprint: str
    params: Count
    tempo_epochs: Count
    alpha_target: Share | None
    alpha_algorithm: AlphaAlgorithm | None
    alpha_curve: AlphaCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedStageChanged:
    """The seed entered to_stage.

    accuracy_delta: the change of validation accuracy during the stage that it left.
    """

    kind: ClassVar[EventKind] = EventKind.SEED_STAGE_CHANGED
    env_id: EnvId
    slot_id: str
    seed_id: str
    blueprint: str
    from_stage: SeedStage
    to_stage: SeedStage
    alpha: Share | None
    accuracy_delta: float
    epochs_in_stage: EpochCount


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGateEvaluated:
    kind: ClassVar[EventKind] = EventKind.SEED_GATE_EVALUATED
    env_id: EnvId
    slot_id: str
    seed_id: str
    gate: Gate
    target_stage: SeedStage
    passed: bool
    score: Share | None
    checks: tuple[GateCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedFossilized:
    kind: ClassVar[EventKind] = EventKind.SEED_FOSSILIZED
    env_id: EnvId
    slot_id: str
    seed_id: str
    blueprint: str
    params_added: Count
    alpha: Share
    epochs_total: EpochCount
    improvement: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPruned:
    kind: ClassVar[EventKind] = EventKind.SEED_PRUNED
    env_id: EnvId
    slot_id: str
    seed_id: str
    blueprint: str
    reason: str
    initiator: PruneInitiator
    epochs_total: EpochCount
    improvement: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSnapshot:
    """One slot in EPOCH_COMPLETED. An empty slot has no snapshot."""

    slot_id: str
    seed_id: str
    stage: SeedStage
    blueprint: str
    params: Count
    epochs_in_stage: EpochCount
    epochs_total: EpochCount
    alpha: Share
    alpha_target: Share | None
    alpha_mode: AlphaMode | None
    improvement: float
    contribution: float | None
    contribution_velocity: float | None
    gradient_norm: float | None
    gradient_health: float | None
    gradient_ratio: float | None
