"""The one table of alarms: what is read, where, in which unit, and from which limit on it is reported.

The page on anomalies shows this table, and a test keeps the two equal. A rule reads one typed record and knows nothing
else about the run. If the record holds None, because something could not be measured, the rule is silent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Final, Generic, TypeVar

from esper.telemetry.events import AnomalyType, HeadUpdate, PPOMetrics
from esper.training.anomalies.memory import MemoryReading
from esper.training.ppo.skipped_updates import SkipCause

R = TypeVar("R")

RATIO_MIN_CONTRIBUTION: Final = 1.0
RANSOM_TOTAL: Final = -0.2
SUSPICIOUS_EPOCHS: Final = 3
"""The epochs in a row in which a seed must be suspicious. Single epochs are mostly noise of the measure."""
NOISE_PREDICTIONS: Final = 2
"""A difference of no more than so many validation predictions shows nothing."""
DROP_SPREAD: Final = 2.0
DROP_MIN_SAMPLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReading:
    """One PPO update.

    max_grad_norm: the norm to which its gradients are clipped.
    """

    metrics: PPOMetrics
    max_grad_norm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadReading:
    """One head in one PPO update.

    floor: the share of its distribution that is uniform.
    choices: the most choices that it can have.
    gradient_norm: the gradient norm of the whole policy.
    """

    update: HeadUpdate
    floor: float
    choices: int
    gradient_norm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedEpoch:
    """One seed in one epoch, in points.

    contribution: its own.
    total: that of all seeds of its host together.
    """

    contribution: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReading:
    """One seed in its latest epochs in a row, at most SUSPICIOUS_EPOCHS of them.

    prediction: how many points one prediction on the validation split is worth.
    """

    epochs: tuple[SeedEpoch, ...]
    prediction: float

    @property
    def noise(self) -> float:
        """The difference, in points, up to which a measure shows nothing."""
        return NOISE_PREDICTIONS * self.prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyReading:
    """One env at the end of a batch, in percent.

    earlier: its accuracies in the previous batches of the rolling window.
    """

    accuracy: float
    earlier: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyRule(Generic[R]):
    """One row of the table.

    read: gives the value, or None if it was not measured.
    above: whether larger values are worse; otherwise smaller ones are.
    warning, critical: a value at the limit or beyond it fires. None if the rule has no such limit.
    first_batch: the rule is silent in earlier batches.
    quiet_share: the rule is silent in this first share of the run's batches.
    formula, unit, source: what the table tells its readers.
    """

    name: str
    anomaly: AnomalyType
    formula: str
    unit: str
    source: str
    meaning: str
    read: Callable[[R], float | None]
    above: bool = True
    warning: float | None = None
    critical: float | None = None
    first_batch: int = 1
    quiet_share: float = 0.0

    def speaks_in(self, batch: int, batches: int) -> bool:
        """Whether the rule is no longer silent in this batch, which is counted from 1.

        batches: the number of batches that the run is to have.
        """
        return batch >= self.first_batch and batch > self.quiet_share * batches


def least_entropy_share(floor: float, choices: int) -> float:
    """The smallest share of the maximum entropy that a head can have if this floor of its probability stays uniform.

    The share falls with the number of choices, so the value for all choices of a head is the least over all masks.

    >>> least_entropy_share(0.0, 4)
    0.0
    >>> round(least_entropy_share(0.15, 6), 3)
    0.323
    """
    if floor == 0.0:
        return 0.0
    other = floor / choices
    favourite = 1.0 - floor + other
    entropy = -favourite * math.log(favourite) - (choices - 1) * other * math.log(other)
    return entropy / math.log(choices)


def _free_entropy(head: HeadReading) -> float | None:
    """The entropy on a scale from the least that the probability floor allows (0) to the largest (1)."""
    if head.update.entropy is None or head.choices < 2:
        return None
    least = least_entropy_share(head.floor, head.choices)
    return (head.update.entropy - least) / (1.0 - least)


def _head_gradient_share(head: HeadReading) -> float | None:
    """The head's share of the whole policy's gradient norm.

    None for a head that had no choice, and therefore rightly has no gradient.
    """
    norm = head.update.gradient_norm
    if norm is None or head.update.entropy is None or not head.gradient_norm:
        return None
    return norm / head.gradient_norm


def _gradient_over_clip(update: UpdateReading) -> float | None:
    norm = update.metrics.gradient_norm
    return None if norm is None else norm / update.max_grad_norm


def _attribution_ratio(seed: SeedReading) -> float | None:
    """The least of the latest epochs. None unless the seed was suspicious in each of them."""
    least = max(RATIO_MIN_CONTRIBUTION, seed.noise)
    ratios = [
        epoch.contribution / epoch.total for epoch in seed.epochs if epoch.contribution > least and epoch.total > 0
    ]
    return min(ratios) if len(ratios) == SUSPICIOUS_EPOCHS else None


def _ransom(seed: SeedReading) -> float | None:
    """The least of the latest epochs. None unless the seed was suspicious in each of them."""
    worst = min(RANSOM_TOTAL, -seed.noise)
    claims = [epoch.contribution for epoch in seed.epochs if epoch.total < worst and epoch.contribution > seed.noise]
    return min(claims) if len(claims) == SUSPICIOUS_EPOCHS else None


def _relative_drop(env: AccuracyReading) -> float | None:
    """The drop as a share of the mean.

    None also while the drop is no larger than the scatter of the env's accuracies.
    """
    if len(env.earlier) < DROP_MIN_SAMPLES:
        return None
    mean = fmean(env.earlier)
    drop = mean - env.accuracy
    return drop / mean if mean > 0 and drop > DROP_SPREAD * pstdev(env.earlier) else None


UPDATE_RULES: Final[tuple[AnomalyRule[UpdateReading], ...]] = (
    AnomalyRule(
        name="numerical_instability",
        anomaly=AnomalyType.NUMERICAL_INSTABILITY,
        formula="1 if the update was skipped for a number that is not finite, else 0",
        unit="flag",
        source="PPO_UPDATE_COMPLETED.skip_cause",
        meaning="the update was skipped: a loss, a gradient, a value or a reward was not finite",
        read=lambda update: float(update.metrics.skip_cause not in (None, SkipCause.NO_STEPS)),
        critical=1.0,
    ),
    AnomalyRule(
        name="ratio_explosion",
        anomaly=AnomalyType.RATIO_EXPLOSION,
        formula="largest new / old probability of a whole decision",
        unit="ratio",
        source="PPO_UPDATE_COMPLETED.ratio_max",
        meaning="the new policy makes a decision far more likely than the one that took it",
        read=lambda update: update.metrics.ratio_max,
        warning=5.0,
    ),
    AnomalyRule(
        name="ratio_collapse",
        anomaly=AnomalyType.RATIO_COLLAPSE,
        formula="smallest new / old probability of a whole decision",
        unit="ratio",
        source="PPO_UPDATE_COMPLETED.ratio_min",
        meaning="the new policy has all but dropped a decision that was taken",
        read=lambda update: update.metrics.ratio_min,
        above=False,
        warning=0.1,
    ),
    AnomalyRule(
        name="kl_spike",
        anomaly=AnomalyType.KL_SPIKE,
        formula="mean over decisions of the sum over heads of ratio - 1 - ln(ratio)",
        unit="nats",
        source="PPO_UPDATE_COMPLETED.kl_divergence",
        meaning="the policy moved far in one update; critical is the extreme spike",
        read=lambda update: update.metrics.kl_divergence,
        warning=0.1,
        critical=0.5,
    ),
    AnomalyRule(
        name="value_collapse",
        anomaly=AnomalyType.VALUE_COLLAPSE,
        formula="half the mean squared error of V / running variance of returns",
        unit="variances of the return",
        source="PPO_UPDATE_COMPLETED.value_loss",
        meaning="the critic is wrong by several standard deviations of the return",
        read=lambda update: update.metrics.value_loss,
        warning=5.0,
        # A critic with hardly any training is far off, and the scale of returns is not known yet.
        first_batch=5,
    ),
    AnomalyRule(
        name="gradient_explosion",
        anomaly=AnomalyType.GRADIENT_PATHOLOGY,
        formula="policy gradient norm before clipping / ppo.max_grad_norm",
        unit="times the clip",
        source="PPO_UPDATE_COMPLETED.gradient_norm",
        meaning="the gradient is far above its clip: the step's direction rests on few samples",
        read=_gradient_over_clip,
        warning=20.0,
        critical=200.0,
    ),
    AnomalyRule(
        name="gradient_vanishing",
        anomaly=AnomalyType.GRADIENT_PATHOLOGY,
        formula="policy gradient norm before clipping / ppo.max_grad_norm",
        unit="times the clip",
        source="PPO_UPDATE_COMPLETED.gradient_norm",
        meaning="next to nothing of the batch reaches the weights",
        read=_gradient_over_clip,
        above=False,
        warning=2e-6,
    ),
)

HEAD_RULES: Final[tuple[AnomalyRule[HeadReading], ...]] = (
    AnomalyRule(
        name="entropy_collapse",
        anomaly=AnomalyType.ENTROPY_COLLAPSE,
        formula="(H / ln(legal) - least) / (1 - least), least: what the head's probability floor leaves",
        unit="share of what is free",
        source="PPO_UPDATE_COMPLETED.heads.entropy",
        meaning="the head has all but stopped exploring",
        read=_free_entropy,
        above=False,
        warning=0.3,
        critical=0.1,
    ),
    AnomalyRule(
        name="dead_head",
        anomaly=AnomalyType.GRADIENT_PATHOLOGY,
        formula="gradient norm of the head / gradient norm of the policy",
        unit="share",
        source="PPO_UPDATE_COMPLETED.heads.gradient_norm",
        meaning="the head had choices and learns nothing from them",
        read=_head_gradient_share,
        above=False,
        warning=1e-6,
    ),
)

SEED_RULES: Final[tuple[AnomalyRule[SeedReading], ...]] = (
    AnomalyRule(
        name="attribution_ratio",
        anomaly=AnomalyType.REWARD_HACKING,
        formula="least c / I of three epochs in a row with c > 1, c > 2 v and I > 0",
        unit="ratio",
        source="COUNTERFACTUAL_MATRIX_COMPUTED",
        meaning="the seed claims a multiple of what all seeds together bring",
        read=_attribution_ratio,
        warning=5.0,
    ),
    AnomalyRule(
        name="ransomware",
        anomaly=AnomalyType.REWARD_HACKING,
        formula="least c of three epochs in a row with c > 2 v, I < -0.2 and I < -2 v",
        unit="points",
        source="COUNTERFACTUAL_MATRIX_COMPUTED",
        meaning="the host needs the seed, and yet is worse off with its seeds than without them",
        read=_ransom,
        warning=0.1,
        critical=1.0,
    ),
)

ENV_RULES: Final[tuple[AnomalyRule[AccuracyReading], ...]] = (
    AnomalyRule(
        name="performance_degradation",
        anomaly=AnomalyType.PERFORMANCE_DEGRADATION,
        formula="(m - accuracy) / m, where m - accuracy > 2 s; m, s: mean and deviation of the env's rolling window",
        unit="share",
        source="EPISODE_OUTCOME.final_accuracy",
        meaning="the env ended far below what it reached in the batches before",
        read=_relative_drop,
        warning=0.1,
        quiet_share=0.1,
    ),
)

RUN_RULES: Final[tuple[AnomalyRule[MemoryReading], ...]] = (
    AnomalyRule(
        name="memory",
        anomaly=AnomalyType.MEMORY,
        formula="allocated / total of the GPU; on a CPU the process's resident share of the machine",
        unit="share",
        source="the system, at the end of a batch; at most once in 60 s",
        meaning="the run is close to running out of memory",
        read=lambda memory: memory.share,
        warning=0.85,
    ),
)
