"""The one table of what is shown: name, label, unit, format and meaning of each figure of the cockpit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from esper.telemetry.events import EventKind, PPOUpdateCompleted

MISSING: Final = "--"
"""A figure that was not measured, or not yet."""

NOT_APPLICABLE: Final = "–"
"""A figure that has no meaning here, for example the slot of a WAIT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure on the screen.

    decimals: digits after the point.
    signed: show a plus.
    source: the event it is from.
    """

    name: str
    label: str
    unit: str
    decimals: int
    meaning: str
    source: EventKind
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyMetric:
    """A figure of a PPO update, with the way to read it."""

    metric: Metric
    read: Callable[[PPOUpdateCompleted], float | None]


def _update(name: str, label: str, decimals: int, meaning: str, *, unit: str = "", signed: bool = False) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit=unit,
        decimals=decimals,
        meaning=meaning,
        source=EventKind.PPO_UPDATE_COMPLETED,
        signed=signed,
    )


POLICY_METRICS: Final[tuple[PolicyMetric, ...]] = (
    PolicyMetric(
        metric=_update(
            "entropy",
            "entropy",
            3,
            "mean entropy of the heads, as a share of its maximum",
            unit="share",
        ),
        read=lambda update: update.entropy,
    ),
    PolicyMetric(
        metric=_update("kl_divergence", "KL", 4, "how far the update moved the policy, in nats", unit="nats"),
        read=lambda update: update.kl_divergence,
    ),
    PolicyMetric(
        metric=_update("clip_fraction", "clip", 3, "share of decisions whose ratio was clipped"),
        read=lambda update: update.clip_fraction,
    ),
    PolicyMetric(
        metric=_update(
            "explained_variance", "EV", 3, "share of the variance of returns that the critic explains", signed=True
        ),
        read=lambda update: update.explained_variance,
    ),
    PolicyMetric(
        metric=_update("gradient_norm", "grad", 3, "L2 norm of the gradient before clipping"),
        read=lambda update: update.gradient_norm,
    ),
    PolicyMetric(
        metric=_update("value_loss", "V loss", 3, "loss of the critic"),
        read=lambda update: update.value_loss,
    ),
    PolicyMetric(
        metric=_update("ratio_max", "ratio", 3, "largest ratio of new to old probability of a decision"),
        read=lambda update: update.ratio_max,
    ),
    PolicyMetric(
        metric=_update("advantage_std", "adv σ", 3, "spread of the advantages before they are normalised"),
        read=lambda update: update.advantage_std,
    ),
)

ENV_METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        name="accuracy",
        label="acc",
        unit="%",
        decimals=1,
        meaning="validation accuracy after the env's newest host epoch",
        source=EventKind.EPOCH_COMPLETED,
    ),
    Metric(
        name="delta10",
        label="Δ10",
        unit="points",
        decimals=1,
        meaning="change of validation accuracy over the last ten host epochs of the episode",
        source=EventKind.EPOCH_COMPLETED,
        signed=True,
    ),
    Metric(
        name="trend",
        label="trend",
        unit="%",
        decimals=0,
        meaning="the last validation accuracies; every row has the scale that the column's title names",
        source=EventKind.EPOCH_COMPLETED,
    ),
    Metric(
        name="return",
        label="return",
        unit="raw reward",
        decimals=2,
        meaning="sum of the raw rewards of the episode so far",
        source=EventKind.LAST_ACTION,
        signed=True,
    ),
    Metric(
        name="growth",
        label="grow",
        unit="×",
        decimals=2,
        meaning="parameters of host and seeds together, divided by those of the host",
        source=EventKind.EPOCH_COMPLETED,
    ),
)


def format_number(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """A figure as text. None is missing; NaN and infinities are words; zero is only ever a measured zero.

    >>> format_number(None, 2), format_number(0.0, 2), format_number(float("nan"), 2)
    ('--', '0.00', 'NaN')
    >>> format_number(1.5, 1, signed=True)
    '+1.5'
    """
    if value is None:
        return MISSING
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    rounded = round(value, decimals) + 0.0
    return f"{rounded:+.{decimals}f}" if signed else f"{rounded:.{decimals}f}"


def format_fitted(value: float | None, width: int, decimals: int, *, signed: bool = False) -> str:
    """As format_number, giving up digits (at the end in scientific notation) to stay within width.

    >>> format_fitted(1234.567, 6, 3)
    '1234.6'
    """
    for digits in range(decimals, -1, -1):
        text = format_number(value, digits, signed=signed)
        if len(text) <= width:
            return text
    assert value is not None
    return f"{value:.0e}"


def format_count(value: int | float) -> str:
    """A count in at most five characters.

    >>> format_count(981), format_count(95_432), format_count(4_200_000)
    ('981', '95.4k', '4.2M')
    """
    for limit, divisor, suffix in ((1e3, 1.0, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M"), (1e12, 1e9, "G")):
        if abs(value) < limit:
            scaled = value / divisor
            return f"{scaled:.0f}{suffix}" if not suffix or abs(scaled) >= 100 else f"{scaled:.1f}{suffix}"
    return f"{value:.1e}"


def format_duration(seconds: float | None) -> str:
    """A span of time in its two largest units.

    >>> format_duration(9660), format_duration(75), format_duration(4.2), format_duration(None)
    ('2h41m', '1m15s', '4s', '--')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    whole = max(0, int(seconds))
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{days}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
