"""Typed telemetry: one frozen dataclass per event and per snapshot kind.

Each payload class names its kind, and `Event` is the envelope. None means "not measured"; some figures that today's
trainer always measures are None in runs of the original system, which esper/history/legacy reads. Accuracies are in
percent, contributions and improvements in percentage points. Rewards are raw unless the name says normalized, and times
are in milliseconds unless the name says seconds. Host epochs and batches, which are PPO rounds, are counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from esper.telemetry.bounds import Count, Seq, UnixTime
from esper.telemetry.events.epoch import (
    AblationConfig,
    Alternative,
    CounterfactualMatrixComputed,
    EpisodeOutcome,
    EpochCompleted,
    GovernorRollback,
    HeadChoice,
    LastAction,
    OpMask,
    OutcomeType,
)
from esper.telemetry.events.kinds import DEFAULT_GROUP, EventKind, NamedValue, Severity
from esper.telemetry.events.operator import OperatorAct, OperatorOrdered
from esper.telemetry.events.policy import (
    AnomalyDetected,
    AnomalyType,
    HeadUpdate,
    ObservationStats,
    PPOMetrics,
    PPOUpdateCompleted,
    Trend,
    TrendDetected,
    UpdateShape,
)
from esper.telemetry.events.report import (
    ActionDistribution,
    BatchEpochCompleted,
    BatchStats,
    EnvRewardSummary,
    HeadMaskRate,
    HostsKept,
    MaskHitRates,
    OpCount,
    PhaseTime,
    RewardSummary,
    Throughput,
)
from esper.telemetry.events.run import (
    AlgorithmChosen,
    AlgorithmTime,
    GroupStarted,
    RunEnd,
    SinkDetached,
    TrainingEnded,
    TrainingStarted,
)
from esper.telemetry.events.seeds import (
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    SlotSnapshot,
)

__all__ = [
    "DEFAULT_GROUP",
    "AblationConfig",
    "ActionDistribution",
    "AlgorithmChosen",
    "AlgorithmTime",
    "Alternative",
    "AnomalyDetected",
    "AnomalyType",
    "BatchEpochCompleted",
    "BatchStats",
    "CounterfactualMatrixComputed",
    "EnvRewardSummary",
    "EpisodeOutcome",
    "EpochCompleted",
    "Event",
    "EventKind",
    "GovernorRollback",
    "GroupStarted",
    "HeadChoice",
    "HeadMaskRate",
    "HeadUpdate",
    "HostsKept",
    "LastAction",
    "MaskHitRates",
    "NamedValue",
    "ObservationStats",
    "OpCount",
    "OpMask",
    "OperatorAct",
    "OperatorOrdered",
    "OutcomeType",
    "PPOMetrics",
    "PPOUpdateCompleted",
    "Payload",
    "PhaseTime",
    "RewardSummary",
    "RunEnd",
    "SeedFossilized",
    "SeedGateEvaluated",
    "SeedGerminated",
    "SeedPruned",
    "SeedStageChanged",
    "Severity",
    "SinkDetached",
    "SlotSnapshot",
    "Throughput",
    "TrainingEnded",
    "TrainingStarted",
    "Trend",
    "TrendDetected",
    "UpdateShape",
]

Payload = (
    TrainingStarted
    | TrainingEnded
    | AlgorithmChosen
    | SeedGerminated
    | SeedStageChanged
    | SeedGateEvaluated
    | SeedFossilized
    | SeedPruned
    | EpochCompleted
    | CounterfactualMatrixComputed
    | LastAction
    | EpisodeOutcome
    | GovernorRollback
    | PPOUpdateCompleted
    | AnomalyDetected
    | TrendDetected
    | BatchStats
    | BatchEpochCompleted
    | ActionDistribution
    | Throughput
    | RewardSummary
    | MaskHitRates
    | HostsKept
    | OperatorOrdered
    | SinkDetached
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The envelope of every event.

    seq: rises within a run, from 1.
    time: seconds since the Unix epoch.
    group_id: the policy group to which the payload's env or update belongs, or DEFAULT_GROUP for what concerns the
        whole fleet.
    rank: the process that reports it, in a run of several processes. The first one is 0, and a file leaves it out.
    """

    seq: Seq
    time: UnixTime
    payload: Payload
    group_id: str = DEFAULT_GROUP
    severity: Severity = Severity.INFO
    rank: Count = 0

    @property
    def kind(self) -> EventKind:
        return self.payload.kind
