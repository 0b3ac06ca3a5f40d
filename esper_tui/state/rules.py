"""The one table of limits: what the cockpit calls a warning and what it calls critical, and why.

Limits are relative to the run where an absolute number would mean nothing (the entropy of a policy depends on how
many choices it has; the patience for a stalled env on how long an episode is).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """How bad something is, worst last. Shown by a sign as well as by colour."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2


LEVEL_SIGNS: Final[dict[Level, str]] = {Level.FINE: " ", Level.WARNING: "●", Level.CRITICAL: "▲"}
LEVEL_WORDS: Final[dict[Level, str]] = {Level.FINE: "ok", Level.WARNING: "WARN", Level.CRITICAL: "CRIT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A limit on one metric.

    above: beyond means larger (otherwise smaller).
    relative_to: what the value is divided by before it is compared; empty means that the limits are absolute.
    minimum_samples: fewer values than this are not judged.
    """

    metric: str
    above: bool
    warning: float
    critical: float
    reason: str
    relative_to: str = ""
    minimum_samples: int = 1


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        metric="kl_divergence",
        above=True,
        warning=0.03,
        critical=0.1,
        reason="the policy moves far in one update; the clip of PPO no longer describes what happened",
    ),
    Rule(
        metric="clip_fraction",
        above=True,
        warning=0.25,
        critical=0.4,
        reason="a large share of decisions hit the clip, so most of the gradient was thrown away",
    ),
    Rule(
        metric="explained_variance",
        above=False,
        warning=0.3,
        critical=-0.5,
        minimum_samples=5,
        reason="the critic explains little of the returns, so advantages are mostly noise",
    ),
    Rule(
        metric="gradient_norm",
        above=True,
        warning=10.0,
        critical=100.0,
        reason="the gradient before clipping is large; the step's direction rests on few samples",
    ),
    Rule(
        metric="ratio_max",
        above=True,
        warning=2.0,
        critical=5.0,
        reason="one decision became far more likely than when it was taken",
    ),
    Rule(
        metric="entropy",
        above=False,
        warning=0.25,
        critical=0.1,
        relative_to="the run's first update",
        reason="the policy has stopped exploring",
    ),
    Rule(
        metric="epochs_without_best",
        above=True,
        warning=0.4,
        critical=math.inf,
        relative_to="the episode's length",
        reason="the env has not reached a new best accuracy for a long part of its episode",
    ),
    Rule(
        metric="accuracy_drop",
        above=True,
        warning=5.0,
        critical=20.0,
        reason="the env lost this many points of validation accuracy against its best",
    ),
)

_BY_METRIC: Final = {rule.metric: rule for rule in RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A value against its rule.

    limit: the limit that was passed, in the rule's own unit; None when fine.
    """

    level: Level
    limit: float | None = None
    above: bool = True

    @property
    def words(self) -> str:
        """The verdict without colour, for example "WARN>.03"."""
        if self.limit is None:
            return LEVEL_WORDS[self.level]
        sign = ">" if self.above else "<"
        return f"{LEVEL_WORDS[self.level]}{sign}{shorten(self.limit)}"


FINE: Final = Verdict(level=Level.FINE)


def shorten(value: float) -> str:
    """A limit in few characters.

    >>> shorten(0.3)
    '.3'
    >>> shorten(20.0)
    '20'
    """
    text = f"{value:g}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def rule_for(metric: str) -> Rule | None:
    """The rule of a metric; None when the metric has no limit."""
    return _BY_METRIC.get(metric)


def judge(metric: str, value: float | None, *, reference: float = 1.0, samples: int | None = None) -> Verdict:
    """Compare a value with its metric's limits; a relative rule first divides by reference.

    samples: how many values of the metric there are so far; None where a rule's minimum does not matter.

    A missing value is fine (nothing was measured), NaN and infinity are critical, whatever the metric.

    >>> judge("kl_divergence", 0.2).words
    'CRIT>.1'
    >>> judge("kl_divergence", None).words
    'ok'
    """
    if value is None:
        return FINE
    if not math.isfinite(value):
        return Verdict(level=Level.CRITICAL)
    rule = rule_for(metric)
    if rule is None or (rule.relative_to and not reference > 0):
        return FINE
    if samples is not None and samples < rule.minimum_samples:
        return FINE
    scaled = value / reference if rule.relative_to else value
    for level, limit in ((Level.CRITICAL, rule.critical), (Level.WARNING, rule.warning)):
        if (scaled > limit) if rule.above else (scaled < limit):
            return Verdict(level=level, limit=limit, above=rule.above)
    return FINE
