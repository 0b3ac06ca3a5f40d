from __future__ import annotations

import math

import pytest

from esper.telemetry.events import Severity, Trend
from esper.training.anomalies.trends import detect_trend, rolling_mean
from esper.training.config import RunConfig

MANY_CLASSES = math.log(1e6)


def trend(accuracies: list[float], random_guess_loss: float = MANY_CLASSES) -> tuple[Trend, Severity] | None:
    found = detect_trend(accuracies, 4, RunConfig(rolling_window=3), random_guess_loss)
    return None if found is None else (found.event.trend, found.severity)


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([50, 50, 50, 50.3], (Trend.PLATEAU, Severity.INFO)),
        ([50, 50, 50, 60], (Trend.IMPROVEMENT, Severity.INFO)),
        ([50, 50, 50, 40], (Trend.DEGRADATION, Severity.WARNING)),
        ([50, 50, 50, 53], None),
        ([50, 50, 90], None),
    ],
)
def test_trend_of_the_rolling_mean(accuracies: list[float], expected: tuple[Trend, Severity] | None) -> None:
    assert trend(accuracies) == expected


def test_a_change_counts_by_what_there_is_between_guessing_and_perfect() -> None:
    """Of two classes guessing gets half right, so that a point is worth two."""
    assert trend([60, 60, 60, 64]) is None
    assert trend([60, 60, 60, 64], random_guess_loss=math.log(2)) == (Trend.IMPROVEMENT, Severity.INFO)


def test_the_event_tells_points() -> None:
    found = detect_trend([50, 50, 50, 59], 4, RunConfig(rolling_window=3), math.log(2))
    assert found is not None
    event = found.event
    assert (event.rolling_delta, event.rolling_accuracy, event.previous_rolling_accuracy) == (3.0, 53.0, 50.0)


def test_rolling_mean_uses_what_there_is() -> None:
    assert rolling_mean([1.0, 2.0], window=10) == 1.5
    assert rolling_mean([1.0, 2.0, 4.0], window=2) == 3.0
