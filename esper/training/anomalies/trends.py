"""The trend of a run: whether its rolling mean accuracy rises, falls or stands still."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from esper.telemetry.events import Severity, Trend, TrendDetected
from esper.training.config import RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRule:
    """When the change d of the rolling mean, in points above guessing, counts as a trend.

    setting: the key of the limit.
    """

    trend: Trend
    severity: Severity
    formula: str
    setting: str
    fires: Callable[[float, RunConfig], bool]
    meaning: str


TREND_RULES: Final = (
    TrendRule(
        trend=Trend.PLATEAU,
        severity=Severity.INFO,
        formula="d within ± limit",
        setting="run.plateau_threshold",
        fires=lambda change, config: abs(change) < config.plateau_threshold,
        meaning="the run stands still",
    ),
    TrendRule(
        trend=Trend.IMPROVEMENT,
        severity=Severity.INFO,
        formula="d > limit",
        setting="run.trend_threshold",
        fires=lambda change, config: change > config.trend_threshold,
        meaning="the run gets better",
    ),
    TrendRule(
        trend=Trend.DEGRADATION,
        severity=Severity.WARNING,
        formula="d < -limit",
        setting="run.trend_threshold",
        fires=lambda change, config: change < -config.trend_threshold,
        meaning="the run gets worse",
    ),
)
"""The rules in the order in which they are tried. The first that fires is the trend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendFound:
    """A trend, and the severity with which to report it."""

    event: TrendDetected
    severity: Severity


def rolling_mean(values: Sequence[float], window: int) -> float:
    """The mean of the last values, as many as the window holds, or fewer at the start."""
    recent = values[-window:]
    return sum(recent) / len(recent)


def detect_trend(
    accuracies: Sequence[float], batch: int, config: RunConfig, random_guess_loss: float
) -> TrendFound | None:
    """Compare the rolling mean accuracy (percent) with the one of a batch earlier.

    The change is measured on a scale from guessing (0) to perfect (100), with random_guess_loss = ln(classes). There is
    no trend until the window has been full twice, nor while the change lies between the two thresholds.
    """
    if len(accuracies) <= config.rolling_window:
        return None
    now = rolling_mean(accuracies, config.rolling_window)
    before = rolling_mean(accuracies[:-1], config.rolling_window)
    change = (now - before) / (1.0 - math.exp(-random_guess_loss))
    for rule in TREND_RULES:
        if rule.fires(change, config):
            event = TrendDetected(
                trend=rule.trend,
                batch=batch,
                rolling_delta=now - before,
                rolling_accuracy=now,
                previous_rolling_accuracy=before,
            )
            return TrendFound(event=event, severity=rule.severity)
    return None
