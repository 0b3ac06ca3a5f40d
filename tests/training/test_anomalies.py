from __future__ import annotations

from dataclasses import replace

import pytest

from esper.telemetry.events import AnomalyType, Trend
from esper.training.anomalies import detect_anomalies, detect_trend, rolling_mean
from esper.training.config import RunConfig
from esper.training.vectorized_types import PPOMetrics

HEALTHY = PPOMetrics(
    skipped=False,
    skip_cause=None,
    policy_loss=0.01,
    value_loss=0.5,
    entropy_loss=0.6,
    total_loss=0.2,
    entropy=0.7,
    kl_divergence=0.01,
    clip_fraction=0.1,
    explained_variance=0.4,
    ratio_max=1.3,
    ratio_min=0.8,
    gradient_norm=0.4,
    learning_rate=3e-4,
    entropy_coef=0.05,
    value_coef=0.5,
    entropy_floor_penalty=0.0,
    op_value_loss=0.4,
    op_values=(),
    contribution_error=None,
    advantage_mean=0.0,
    advantage_std=1.0,
    return_mean=1.0,
    return_std=1.0,
    value_mean=1.0,
    value_std=1.0,
    epochs_run=1,
    early_stopped=False,
    update_time_ms=10.0,
    heads=(),
)


def test_a_healthy_update_raises_no_alarm() -> None:
    assert detect_anomalies(HEALTHY, batch=1) == ()


@pytest.mark.parametrize(
    ("field", "value", "anomaly"),
    [
        ("skipped", True, AnomalyType.NUMERICAL_INSTABILITY),
        ("ratio_max", 5.1, AnomalyType.RATIO_EXPLOSION),
        ("ratio_min", 0.09, AnomalyType.RATIO_COLLAPSE),
        ("kl_divergence", 0.11, AnomalyType.KL_SPIKE),
        ("value_loss", 5.1, AnomalyType.VALUE_COLLAPSE),
        ("entropy", 0.09, AnomalyType.ENTROPY_COLLAPSE),
    ],
)
def test_each_rule_fires_on_its_own_metric(field: str, value: float, anomaly: AnomalyType) -> None:
    (alarm,) = detect_anomalies(replace(HEALTHY, **{field: value}), batch=9)
    assert (alarm.anomaly, alarm.metric, alarm.value, alarm.batch) == (anomaly, field, float(value), 9)


def test_an_untrained_critic_raises_no_alarm() -> None:
    assert detect_anomalies(replace(HEALTHY, value_loss=7.0), batch=1) == ()


def test_a_figure_that_was_not_measured_raises_no_alarm() -> None:
    assert detect_anomalies(replace(HEALTHY, ratio_max=None, entropy=None), batch=1) == ()


@pytest.mark.parametrize(
    ("accuracies", "trend"),
    [
        ([50, 50, 50, 50.3], Trend.PLATEAU),
        ([50, 50, 50, 60], Trend.IMPROVEMENT),
        ([50, 50, 50, 40], Trend.DEGRADATION),
        ([50, 50, 50, 53], None),
        ([50, 50, 90], None),
    ],
)
def test_trend_of_the_rolling_mean(accuracies: list[float], trend: Trend | None) -> None:
    event = detect_trend(accuracies, batch=4, config=RunConfig(rolling_window=3))
    assert (event.trend if event else None) == trend


def test_rolling_mean_uses_what_there_is() -> None:
    assert rolling_mean([1.0, 2.0], window=10) == 1.5
    assert rolling_mean([1.0, 2.0, 4.0], window=2) == 3.0
