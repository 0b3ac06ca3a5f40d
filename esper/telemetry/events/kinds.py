"""The tag, severity and small shared records of every event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DEFAULT_GROUP: Final = "default"
"""The policy group of a run with only one, and of events that concern the whole fleet."""


class EventKind(StrEnum):
    """The tag of an event in files, filters and tables. Lower-case kinds are snapshots."""

    TRAINING_STARTED = "TRAINING_STARTED"
    TRAINING_ENDED = "TRAINING_ENDED"
    ALGORITHM_CHOSEN = "ALGORITHM_CHOSEN"
    SEED_GERMINATED = "SEED_GERMINATED"
    SEED_STAGE_CHANGED = "SEED_STAGE_CHANGED"
    SEED_GATE_EVALUATED = "SEED_GATE_EVALUATED"
    SEED_FOSSILIZED = "SEED_FOSSILIZED"
    SEED_PRUNED = "SEED_PRUNED"
    EPOCH_COMPLETED = "EPOCH_COMPLETED"
    COUNTERFACTUAL_MATRIX_COMPUTED = "COUNTERFACTUAL_MATRIX_COMPUTED"
    EPISODE_OUTCOME = "EPISODE_OUTCOME"
    GOVERNOR_ROLLBACK = "GOVERNOR_ROLLBACK"
    PPO_UPDATE_COMPLETED = "PPO_UPDATE_COMPLETED"
    ANOMALY_DETECTED = "ANOMALY_DETECTED"
    TREND_DETECTED = "TREND_DETECTED"
    BATCH_EPOCH_COMPLETED = "BATCH_EPOCH_COMPLETED"
    HOSTS_KEPT = "HOSTS_KEPT"
    OPERATOR_ORDERED = "OPERATOR_ORDERED"
    SINK_DETACHED = "SINK_DETACHED"
    LAST_ACTION = "last_action"
    BATCH_STATS = "batch_stats"
    ACTION_DISTRIBUTION = "action_distribution"
    THROUGHPUT = "throughput"
    REWARD_SUMMARY = "reward_summary"
    MASK_HIT_RATES = "mask_hit_rates"


class Severity(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedValue:
    """A named number, for example one term of a reward. None means that the term does not apply here."""

    name: str
    value: float | None
