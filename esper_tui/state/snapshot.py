"""What one frame of the cockpit shows: frozen records, made by the aggregator, read by every panel.

Payloads of telemetry events are shown as they are; what needed more than one event has a record here. None means
"not measured yet". Accuracies percent, times seconds since the Unix epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from esper.contracts.stages import SeedStage
from esper.telemetry.events import (
    DEFAULT_GROUP,
    BatchStats,
    EpisodeOutcome,
    LastAction,
    PPOUpdateCompleted,
    TrainingEnded,
    TrainingStarted,
)
from esper_tui.state.alerts import Alert
from esper_tui.state.episode import EpisodeView
from esper_tui.state.ledger import Ledger
from esper_tui.state.module_book import ModuleFigures
from esper_tui.state.pair_book import PairedRound
from esper_tui.state.rules import Level


class EnvStatus(StrEnum):
    """One word for an env, as the table shows it."""

    WAITING = "wait"
    NOT_A_NUMBER = "NaN"
    ROLLED_BACK = "ROLL"
    FALLEN = "FALL"
    STALLED = "STAL"
    UP = "up"
    FLAT = "flat"
    DOWN = "down"
    DONE = "done"


ENV_STATUS_MEANINGS: Final[dict[EnvStatus, str]] = {
    EnvStatus.WAITING: "no host epoch finished yet",
    EnvStatus.NOT_A_NUMBER: "the validation loss is not a number",
    EnvStatus.ROLLED_BACK: "the governor set the host back to its last good state, within the last 10 epochs",
    EnvStatus.FALLEN: "accuracy fell far below the episode's best, further than the fleet's median did",
    EnvStatus.STALLED: "no new best accuracy for a long part of the episode, longer than the fleet's median",
    EnvStatus.UP: "accuracy rose over the last 10 epochs by more than half a point",
    EnvStatus.FLAT: "accuracy changed by half a point or less over the last 10 epochs",
    EnvStatus.DOWN: "accuracy fell over the last 10 epochs by more than half a point",
    EnvStatus.DONE: "the episode is over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """The seed in one slot.

    contribution: percentage points it brings, by ablation.
    """

    slot_id: str
    stage: SeedStage
    blueprint: str
    params: int
    epochs_in_stage: int
    alpha: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvRow:
    """One env. The same object is handed out until the env changes, so a panel may compare by identity.

    reason: what was measured and the limit that it passed; empty when fine.
    rule: the metric of that limit.
    slots: in the run's slot order, None for an empty slot.
    trend: the newest validation accuracies, oldest first.
    growth: total parameters / host parameters.
    decision: the newest action, with all its heads.
    episode: everything recorded of it so far.
    """

    env_id: int
    status: EnvStatus
    level: Level
    reason: str
    rule: str
    epoch: int | None
    accuracy: float | None
    best_accuracy: float | None
    delta10: float | None
    val_loss: float | None
    trend: tuple[float, ...]
    episode_return: float | None
    growth: float | None
    host_params: int | None
    slots: tuple[SlotView | None, ...]
    decision: LastAction | None
    outcome: EpisodeOutcome | None
    episode: EpisodeView


@dataclass(frozen=True, slots=True, kw_only=True)
class OpShare:
    """How often an op was chosen, and how often it was refused, in this round and in the whole run."""

    op: str
    round_chosen: int
    run_chosen: int
    run_refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the event log. batch, epoch and env_id are None where the event belongs to none."""

    seq: int
    time: float
    batch: int | None
    epoch: int | None
    env_id: int | None
    word: str
    text: str
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the run is and how fast it goes. Rates are host epochs of one env per second.

    batch, epoch: the newest that an env reported.
    rate_now: over the last ten fleet epochs.
    rate_mean: since the first event.
    share_done: 0..1 of the planned rounds.
    eta_seconds: what is left at the pace so far.
    eta_now_seconds: what is left at the pace of the last ten fleet epochs.
    """

    batch: int | None
    epoch: int | None
    batches_completed: int
    share_done: float | None
    env_epochs: int
    rate_now: float | None
    rate_mean: float | None
    eta_seconds: float | None
    eta_now_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """What belongs to one policy group.

    updates: the newest PPO updates, oldest first.
    rounds: one record per finished round.
    curve: mean validation accuracy per host epoch of this round.
    previous_curve: of the round before.
    returns: of the episodes of the newest round of which one is over.
    """

    group_id: str
    updates: tuple[PPOUpdateCompleted, ...] = ()
    rounds: tuple[BatchStats, ...] = ()
    curve: tuple[float, ...] = ()
    previous_curve: tuple[float, ...] = ()
    ops: tuple[OpShare, ...] = ()
    returns: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CockpitSnapshot:
    """Everything that the screen shows, at one moment.

    last_seq: the number of the newest event.
    groups: in the order of the run; none before the first event.
    alerts: that stand, the worst first.
    resolved: alerts that are over, oldest first.
    ledger: what the rounds left behind.
    pairs: the first two policy groups compared env by env, round by round; empty in a run with one.
    folded: step events that the log counts but does not list.
    """

    events: int
    last_seq: int | None
    last_time: float | None
    started_at: float | None
    run: TrainingStarted | None
    ended: TrainingEnded | None
    progress: Progress
    envs: tuple[EnvRow, ...]
    groups: tuple[GroupFigures, ...]
    alerts: tuple[Alert, ...]
    resolved: tuple[Alert, ...]
    modules: ModuleFigures
    ledger: Ledger
    pairs: tuple[PairedRound, ...]
    log: tuple[LogLine, ...]
    folded: int

    @property
    def has_no_policy(self) -> bool:
        """It is known that no controller of this run learns, so no PPO update will come."""
        return self.run is not None and bool(self.run.groups) and not any(group.learns for group in self.run.groups)

    def group_of(self, env_id: int | None) -> GroupFigures:
        """The group that decides for an env; the first one where that is not known, without figures before there are
        any.
        """
        started = self.run.groups if self.run is not None else ()
        name = next((group.group_id for group in started if env_id in group.env_ids), None)
        known = {group.group_id: group for group in self.groups}
        return known.get(name or "") or (self.groups[0] if self.groups else GroupFigures(group_id=DEFAULT_GROUP))
