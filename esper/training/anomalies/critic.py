"""Whether the critic follows the returns: alarms that look at several updates in a row."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from esper.telemetry.events import AnomalyDetected, AnomalyType, PPOMetrics
from esper.training.anomalies.detect import Place, detect
from esper.training.anomalies.rules import AnomalyRule

BLIND_UPDATES: Final = 5
"""The updates in a row that are judged together. One batch may have returns that nothing could explain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticReading:
    """The latest updates in a row, at most BLIND_UPDATES of them."""

    updates: tuple[PPOMetrics, ...]


def _explained(critic: CriticReading) -> float | None:
    """The most that the critic explained in any of the updates; None unless all of them measured it."""
    known = [one.explained_variance for one in critic.updates if one.explained_variance is not None]
    return max(known) if len(known) == BLIND_UPDATES else None


def _adrift(critic: CriticReading) -> float | None:
    """The least distance of the mean value from the mean return, in deviations of the returns."""
    known = [
        abs(one.value_mean - one.return_mean) / one.return_std
        for one in critic.updates
        if one.value_mean is not None and one.return_mean is not None and one.return_std
    ]
    return min(known) if len(known) == BLIND_UPDATES else None


CRITIC_RULES: Final[tuple[AnomalyRule[CriticReading], ...]] = (
    AnomalyRule(
        name="critic_blind",
        anomaly=AnomalyType.VALUE_COLLAPSE,
        formula="largest explained variance of five updates in a row",
        unit="share of variance",
        source="PPO_UPDATE_COMPLETED.explained_variance",
        meaning="the critic explains next to nothing of the returns, so advantages are mostly noise",
        read=_explained,
        above=False,
        warning=0.1,
        # A critic that begins explains nothing, and the policy that it follows changes fast.
        quiet_share=0.5,
    ),
    AnomalyRule(
        name="values_adrift",
        anomaly=AnomalyType.VALUE_COLLAPSE,
        formula="least distance of mean value and mean return / deviation of returns of five updates in a row",
        unit="deviations of the return",
        source="PPO_UPDATE_COMPLETED.value_mean, return_mean, return_std",
        meaning="the critic's values have left the returns and do not come back",
        read=_adrift,
        warning=3.0,
    ),
)


class CriticWatch:
    """Judges the critic of one group after every update."""

    def __init__(self, *, batches: int) -> None:
        """batches: the number of batches that the run is to have."""
        self._batches = batches
        self._latest: deque[PPOMetrics] = deque(maxlen=BLIND_UPDATES)

    def after_update(self, batch: int, metrics: PPOMetrics) -> tuple[AnomalyDetected, ...]:
        self.remember(metrics)
        reading = CriticReading(updates=tuple(self._latest))
        return tuple(detect(CRITIC_RULES, reading, Place(batch=batch, batches=self._batches)))

    def remember(self, metrics: PPOMetrics) -> None:
        """Keep an update for those to come."""
        self._latest.append(metrics)
