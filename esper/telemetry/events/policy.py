"""The controller's updates, and what the anomaly and trend rules found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from esper.telemetry.bounds import Batch, Coefficient, Count, Duration, EnvId, Epoch, Percent, Share
from esper.telemetry.events.kinds import EventKind, NamedValue, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadUpdate:
    """One head over one PPO update. A field is None if the head never mattered in the rollout."""

    head: str
    entropy: float | None
    gradient_norm: float | None
    ratio_max: float | None
    clip_fraction: Share | None
    relevant_fraction: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationStats:
    """The normalised observations of a batch (docs/reference/observations.md). A field is None if no step was taken.

    Names that begin with host_ or slot_ belong to all features of that kind. Shares are those of all numbers: outliers
    lie beyond 3 deviations, near_clip counts from nine tenths of the clip on, and clipped counts those at the clip.

    drift: the mean over features of |mean over steps|, in deviations of the statistics that normalised them.
    """

    host_mean: float | None
    host_std: float | None
    slot_mean: float | None
    slot_std: float | None
    outlier_share: Share | None
    near_clip_share: Share | None
    clipped_share: Share | None
    non_finite_share: Share | None
    drift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateShape:
    """How the numbers of a batch lie beyond their means. Values and errors are in units of the normalised reward.

    advantage_skew, advantage_kurtosis: the third moment, and the fourth minus 3, over the powers of the deviation.
    log_prob_min, log_prob_max: the extremes over the heads that mattered, at the starting weights.
    value_correlation: of the critic's values with the returns.
    td_mean, td_rms: of the one-step errors of the critic: reward plus discounted next value minus value.
    clip_up_share: of the decisions, those that became likelier than the clip allows, as a mean over the gradient
        steps. The rest of the clip fraction became less likely.
    """

    advantage_skew: float | None
    advantage_kurtosis: float | None
    advantage_positive_share: Share | None
    log_prob_min: float | None
    log_prob_max: float | None
    value_correlation: float | None
    td_mean: float | None
    td_rms: float | None
    clip_up_share: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOMetrics:
    """The scalars of one PPO update, already on the CPU. Everything except update_time_ms is a function of the seed.

    None means not measured, for example because the update was skipped or a head never mattered.

    op_values: the mean Q(s, op) of each op over the steps on which it was possible, or None if it never was.
    contribution_error: the root mean square error, in percentage points; None without a contribution head.
    shape: None in files of a version that did not record it.
    """

    skipped: bool
    skip_cause: str | None
    policy_loss: float | None
    value_loss: float | None
    entropy_loss: float | None
    total_loss: float | None
    entropy: float | None
    kl_divergence: float | None
    clip_fraction: Share | None
    explained_variance: float | None
    ratio_max: float | None
    ratio_min: float | None
    gradient_norm: float | None
    learning_rate: Coefficient | None
    entropy_coef: Coefficient | None
    value_coef: Coefficient | None
    entropy_floor_penalty: float | None
    op_value_loss: float | None
    op_values: tuple[NamedValue, ...]
    contribution_error: float | None
    advantage_mean: float | None
    advantage_std: float | None
    return_mean: float | None
    return_std: float | None
    value_mean: float | None
    value_std: float | None
    epochs_run: Count | None
    early_stopped: bool
    update_time_ms: Duration
    heads: tuple[HeadUpdate, ...]
    observations: ObservationStats
    shape: UpdateShape | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOUpdateCompleted(PPOMetrics):
    """One PPO update of one batch, as an event: the record of the update, and the batch from which it learned.

    batch: the round, counted from 1.
    """

    kind: ClassVar[EventKind] = EventKind.PPO_UPDATE_COMPLETED
    batch: Batch


class AnomalyType(StrEnum):
    """What may be wrong. docs/reference/anomalies.md lists the rules of each."""

    RATIO_EXPLOSION = "ratio_explosion"
    RATIO_COLLAPSE = "ratio_collapse"
    VALUE_COLLAPSE = "value_collapse"
    ENTROPY_COLLAPSE = "entropy_collapse"
    KL_SPIKE = "kl_spike"
    NUMERICAL_INSTABILITY = "numerical_instability"
    GRADIENT_PATHOLOGY = "gradient_pathology"
    REWARD_HACKING = "reward_hacking"
    PERFORMANCE_DEGRADATION = "performance_degradation"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyDetected:
    """A rule of docs/reference/anomalies.md fired: the value is at its limit or beyond.

    value, limit: None if only the detail was recorded, in words.

    rule: the rule's name.
    severity: warning or critical; the envelope has the same.
    epoch, env_id, slot_id, head: where it was, each None if the rule concerns something larger.
    """

    kind: ClassVar[EventKind] = EventKind.ANOMALY_DETECTED
    anomaly: AnomalyType
    rule: str
    severity: Severity
    batch: Batch
    value: float | None
    limit: float | None
    detail: str
    epoch: Epoch | None
    env_id: EnvId | None
    slot_id: str | None
    head: str | None


class Trend(StrEnum):
    PLATEAU = "plateau"
    DEGRADATION = "degradation"
    IMPROVEMENT = "improvement"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendDetected:
    """The rolling mean accuracy moved, or stands still (docs/reference/anomalies.md).

    Accuracies are in percent, delta in points.
    """

    kind: ClassVar[EventKind] = EventKind.TREND_DETECTED
    trend: Trend
    batch: Batch
    rolling_delta: float
    rolling_accuracy: Percent
    previous_rolling_accuracy: Percent
