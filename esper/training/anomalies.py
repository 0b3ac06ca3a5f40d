"""Rules that turn the figures of a PPO update into alarms, and the rolling accuracy into a trend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from esper.telemetry.events import AnomalyDetected, AnomalyType, Trend, TrendDetected
from esper.training.config import RunConfig
from esper.training.vectorized_types import PPOMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyRule:
    """Fires when the metric lies beyond limit, on the side that above names. A metric of None never fires.

    first_batch: the rule is silent before it.
    """

    anomaly: AnomalyType
    metric: str
    read: Callable[[PPOMetrics], float | None]
    limit: float
    above: bool
    meaning: str
    first_batch: int = 1

    def fires(self, value: float) -> bool:
        return value > self.limit if self.above else value < self.limit


RULES: tuple[AnomalyRule, ...] = (
    AnomalyRule(
        anomaly=AnomalyType.NUMERICAL_INSTABILITY,
        metric="skipped",
        read=lambda metrics: float(metrics.skipped),
        limit=0.5,
        above=True,
        meaning="the update was skipped: its loss or a gradient was not finite, or every host was lost",
    ),
    AnomalyRule(
        anomaly=AnomalyType.RATIO_EXPLOSION,
        metric="ratio_max",
        read=lambda metrics: metrics.ratio_max,
        limit=5.0,
        above=True,
        meaning="the new policy makes an action far more likely than the one that chose it",
    ),
    AnomalyRule(
        anomaly=AnomalyType.RATIO_COLLAPSE,
        metric="ratio_min",
        read=lambda metrics: metrics.ratio_min,
        limit=0.1,
        above=False,
        meaning="the new policy has all but dropped an action that was chosen",
    ),
    AnomalyRule(
        anomaly=AnomalyType.KL_SPIKE,
        metric="kl_divergence",
        read=lambda metrics: metrics.kl_divergence,
        limit=0.1,
        above=True,
        meaning="the policy moved far in one update",
    ),
    AnomalyRule(
        anomaly=AnomalyType.VALUE_COLLAPSE,
        metric="value_loss",
        read=lambda metrics: metrics.value_loss,
        limit=5.0,
        above=True,
        meaning="the critic's error is several standard deviations of the return",
        # A critic that has hardly been trained is far off, and the scale of returns is not known yet.
        first_batch=5,
    ),
    AnomalyRule(
        anomaly=AnomalyType.ENTROPY_COLLAPSE,
        metric="entropy",
        read=lambda metrics: metrics.entropy,
        limit=0.1,
        above=False,
        meaning="the policy has all but stopped exploring (entropy as a share of its maximum)",
    ),
)


def detect_anomalies(metrics: PPOMetrics, batch: int) -> tuple[AnomalyDetected, ...]:
    """Every rule that this update breaks, in the table's order."""
    found: list[AnomalyDetected] = []
    for rule in RULES:
        if batch < rule.first_batch:
            continue
        value = rule.read(metrics)
        if value is not None and rule.fires(value):
            found.append(
                AnomalyDetected(
                    anomaly=rule.anomaly,
                    batch=batch,
                    metric=rule.metric,
                    value=value,
                    limit=rule.limit,
                    detail=rule.meaning,
                )
            )
    return tuple(found)


def rolling_mean(values: Sequence[float], window: int) -> float:
    """Mean of the last window values (fewer at the start)."""
    recent = values[-window:]
    return sum(recent) / len(recent)


def detect_trend(accuracies: Sequence[float], batch: int, config: RunConfig) -> TrendDetected | None:
    """Compare the rolling mean accuracy (percent) with the one of a batch earlier.

    None while the window has not been full twice, and while the change lies between the two thresholds.
    """
    if len(accuracies) <= config.rolling_window:
        return None
    now = rolling_mean(accuracies, config.rolling_window)
    before = rolling_mean(accuracies[:-1], config.rolling_window)
    delta = now - before
    if abs(delta) < config.plateau_threshold:
        trend = Trend.PLATEAU
    elif delta > config.trend_threshold:
        trend = Trend.IMPROVEMENT
    elif delta < -config.trend_threshold:
        trend = Trend.DEGRADATION
    else:
        return None
    return TrendDetected(
        trend=trend,
        batch=batch,
        rolling_delta=delta,
        rolling_accuracy=now,
        previous_rolling_accuracy=before,
    )
