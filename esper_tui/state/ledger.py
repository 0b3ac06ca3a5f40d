"""What the rounds of a run leave behind: governor, rewards, speed, masks, and the best and worst episodes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from esper.telemetry.events import (
    AlgorithmChosen,
    AnomalyDetected,
    AnomalyType,
    GovernorRollback,
    MaskHitRates,
    Payload,
    RewardSummary,
    Throughput,
    TrendDetected,
)
from esper_tui.state.episode import EpisodeView

ROUNDS_KEPT: Final = 64
EVENTS_KEPT: Final = 200
EPISODES_KEPT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All tuples oldest first, except episodes.

    best, worst: finished episodes by final accuracy, the best and the worst first.
    exploits: the trainer's alarms about reward hacking.
    """

    throughputs: tuple[Throughput, ...] = ()
    rewards: tuple[RewardSummary, ...] = ()
    rollbacks: tuple[GovernorRollback, ...] = ()
    exploits: tuple[AnomalyDetected, ...] = ()
    trends: tuple[TrendDetected, ...] = ()
    masks: MaskHitRates | None = None
    algorithm: AlgorithmChosen | None = None
    best: tuple[EpisodeView, ...] = ()
    worst: tuple[EpisodeView, ...] = ()
    episodes: int = 0


@dataclass(slots=True, kw_only=True)
class LedgerBook:
    """Takes in events; figures() is the same record until one of them changed it."""

    throughputs: deque[Throughput] = field(default_factory=lambda: deque[Throughput](maxlen=ROUNDS_KEPT))
    rewards: deque[RewardSummary] = field(default_factory=lambda: deque[RewardSummary](maxlen=ROUNDS_KEPT))
    rollbacks: deque[GovernorRollback] = field(default_factory=lambda: deque[GovernorRollback](maxlen=EVENTS_KEPT))
    exploits: deque[AnomalyDetected] = field(default_factory=lambda: deque[AnomalyDetected](maxlen=EVENTS_KEPT))
    trends: deque[TrendDetected] = field(default_factory=lambda: deque[TrendDetected](maxlen=EVENTS_KEPT))
    masks: MaskHitRates | None = None
    algorithm: AlgorithmChosen | None = None
    best: list[EpisodeView] = field(default_factory=list[EpisodeView])
    worst: list[EpisodeView] = field(default_factory=list[EpisodeView])
    episodes: int = 0
    shown: Ledger | None = None

    def copy(self) -> LedgerBook:
        """An independent copy; the records in it are immutable."""
        return replace(
            self,
            throughputs=self.throughputs.copy(),
            rewards=self.rewards.copy(),
            rollbacks=self.rollbacks.copy(),
            exploits=self.exploits.copy(),
            trends=self.trends.copy(),
            best=list(self.best),
            worst=list(self.worst),
        )

    def apply(self, payload: Payload) -> None:
        """Take in an event; those that leave nothing behind are ignored."""
        self.shown = None
        match payload:
            case Throughput():
                self.throughputs.append(payload)
            case RewardSummary():
                self.rewards.append(payload)
            case GovernorRollback():
                self.rollbacks.append(payload)
            case AnomalyDetected() if payload.anomaly is AnomalyType.REWARD_HACKING:
                self.exploits.append(payload)
            case TrendDetected():
                self.trends.append(payload)
            case MaskHitRates():
                self.masks = payload
            case AlgorithmChosen():
                self.algorithm = payload
            case _:
                pass

    def end_episode(self, episode: EpisodeView) -> None:
        """Keep a finished episode if it is among the best or the worst."""
        self.shown = None
        self.episodes += 1
        self.best = sorted([*self.best, episode], key=_final_accuracy, reverse=True)[:EPISODES_KEPT]
        self.worst = sorted([*self.worst, episode], key=_final_accuracy)[:EPISODES_KEPT]

    def figures(self) -> Ledger:
        if self.shown is None:
            self.shown = Ledger(
                throughputs=tuple(self.throughputs),
                rewards=tuple(self.rewards),
                rollbacks=tuple(self.rollbacks),
                exploits=tuple(self.exploits),
                trends=tuple(self.trends),
                masks=self.masks,
                algorithm=self.algorithm,
                best=tuple(self.best),
                worst=tuple(self.worst),
                episodes=self.episodes,
            )
        return self.shown


def _final_accuracy(episode: EpisodeView) -> float:
    """A lost episode (not a number) counts as the worst."""
    assert episode.outcome is not None, "only finished episodes are kept"
    accuracy = episode.outcome.final_accuracy
    return accuracy if accuracy == accuracy else float("-inf")
