"""The governor's judgement on whether an env's host is still worth training.

These are pure functions, and the trainer acts on the verdict. In each epoch the check comes first, and a snapshot is
taken only after a healthy verdict, so that no snapshot holds a lost host.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from esper.training.config import GovernorConfig

_LEARNED_SHARE: Final = 0.6
"""A host whose recent mean loss is below this share of the random-guess loss has learned something that it can lose."""
_LOBOTOMY_BAND: Final = 0.065
"""A loss that is this close to random guessing, as a share of it, means that what was learned is gone."""


class Health(StrEnum):
    """What the governor thinks of a host.

    HEALTHY: it goes on, and a snapshot may be taken.
    ANOMALOUS: the epoch is counted, and no snapshot is taken.
    PANIC: the host is rolled back.
    """

    HEALTHY = "healthy"
    ANOMALOUS = "anomalous"
    PANIC = "panic"


class PanicReason(StrEnum):
    NAN = "governor_nan"
    LOBOTOMY = "governor_lobotomy"
    DIVERGENCE = "governor_divergence"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWindow:
    """One env's recent validation losses, oldest first and without anomalous ones, and its run of anomalies."""

    losses: tuple[float, ...] = ()
    anomalies: int = 0

    @property
    def mean(self) -> float:
        return math.fsum(self.losses) / len(self.losses)

    @property
    def std(self) -> float:
        """The population standard deviation."""
        mean = self.mean
        return math.sqrt(math.fsum((loss - mean) ** 2 for loss in self.losses) / len(self.losses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the governor found in one epoch.

    reason: what was wrong, or None if the host is healthy.
    threshold: the loss from which this epoch would have counted as diverging, or None while there are too few losses to
        judge.
    anomalies: the number of consecutive anomalies, including this epoch.
    """

    health: Health
    reason: PanicReason | None
    loss: float
    threshold: float | None
    anomalies: int

    @property
    def is_panic(self) -> bool:
        return self.health is Health.PANIC

    @property
    def is_healthy(self) -> bool:
        return self.health is Health.HEALTHY


def check(
    window: LossWindow, loss: float, config: GovernorConfig, random_guess_loss: float
) -> tuple[LossWindow, Verdict]:
    """Judge one epoch's validation loss against the env's recent ones and the task's random-guess loss.

    A loss that is not finite means panic at once. So does, once config.min_samples losses were seen, a host that had
    learned (its mean was below 0.6 of the random-guess loss) and is back within 6.5 % of random guessing. A loss is
    anomalous if it exceeds all of random_guess_multiplier * random guess, mean + sensitivity * std and multiplier *
    mean. After panics_to_rollback of these in a row there is panic.
    """
    if not math.isfinite(loss):
        return window, _verdict(Health.PANIC, PanicReason.NAN, loss, None, window.anomalies)
    if len(window.losses) < config.min_samples:
        return _with_loss(window, loss, config), _verdict(Health.HEALTHY, None, loss, None, 0)
    mean = window.mean
    threshold = max(
        config.random_guess_multiplier * random_guess_loss,
        mean + config.sensitivity * window.std,
        config.multiplier * mean,
    )
    if _is_lobotomy(mean, loss, random_guess_loss):
        return window, _verdict(Health.PANIC, PanicReason.LOBOTOMY, loss, threshold, window.anomalies)
    if loss <= threshold:
        return _with_loss(window, loss, config), _verdict(Health.HEALTHY, None, loss, threshold, 0)
    anomalies = window.anomalies + 1
    health = Health.PANIC if anomalies >= config.panics_to_rollback else Health.ANOMALOUS
    counted = LossWindow(losses=window.losses, anomalies=anomalies)
    return counted, _verdict(health, PanicReason.DIVERGENCE, loss, threshold, anomalies)


def _is_lobotomy(mean: float, loss: float, random_guess_loss: float) -> bool:
    had_learned = mean < _LEARNED_SHARE * random_guess_loss
    return had_learned and abs(loss - random_guess_loss) < _LOBOTOMY_BAND * random_guess_loss


def _with_loss(window: LossWindow, loss: float, config: GovernorConfig) -> LossWindow:
    return LossWindow(losses=(*window.losses, loss)[-config.window :], anomalies=0)


def _verdict(
    health: Health, reason: PanicReason | None, loss: float, threshold: float | None, anomalies: int
) -> Verdict:
    return Verdict(health=health, reason=reason, loss=loss, threshold=threshold, anomalies=anomalies)
