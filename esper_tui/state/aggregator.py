"""The reducer: every screen figure follows from the events of a run, and from nothing else.

Live and replay feed the same reducer. snapshot() only reads (it caches what it made), so any prefix of a run's events
followed by the rest gives what one pass gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from esper.telemetry.events import (
    AnomalyDetected,
    BatchEpochCompleted,
    BatchStats,
    EpisodeOutcome,
    EpochCompleted,
    Event,
    GovernorRollback,
    LastAction,
    Payload,
    PPOUpdateCompleted,
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    Throughput,
    TrainingEnded,
    TrainingStarted,
)
from esper_tui.state.env_state import EnvState
from esper_tui.state.event_log import EventLog
from esper_tui.state.group_state import GroupState
from esper_tui.state.pace import Pace
from esper_tui.state.snapshot import CockpitSnapshot, Progress


@dataclass(slots=True, kw_only=True)
class Aggregator:
    """Mutable state of the reducer. Use apply() and snapshot(); the fields are its own."""

    events: int = 0
    started_at: float | None = None
    last_time: float | None = None
    run: TrainingStarted | None = None
    ended: TrainingEnded | None = None
    batch: int | None = None
    epoch: int | None = None
    batches_completed: int = 0
    throughput: Throughput | None = None
    envs: dict[int, EnvState] = field(default_factory=dict[int, EnvState])
    groups: dict[str, GroupState] = field(default_factory=dict[str, GroupState])
    anomalies: tuple[AnomalyDetected, ...] = ()
    pace: Pace = field(default_factory=Pace)
    log: EventLog = field(default_factory=EventLog)

    def copy(self) -> Aggregator:
        """An independent copy, for keyframes; immutable parts are shared."""
        return replace(
            self,
            envs={env_id: env.copy() for env_id, env in self.envs.items()},
            groups={group_id: group.copy() for group_id, group in self.groups.items()},
            pace=self.pace.copy(),
            log=self.log.copy(),
        )

    def apply(self, event: Event) -> None:
        """Take in the next event of the run."""
        self.events += 1
        self.last_time = event.time
        if self.started_at is None:
            self.started_at = event.time
        self._dispatch(event)
        env_id = _env_of(event.payload)
        epoch = None
        if env_id is not None:
            newest = self._env(env_id).newest
            epoch = newest.epoch if newest else None
        self.log.add(event, env_id=env_id, batch=self.batch, epoch=epoch)

    def _dispatch(self, event: Event) -> None:
        payload = event.payload
        match payload:
            case TrainingStarted():
                self._start(payload, event.time)
            case EpochCompleted():
                self._epoch(payload, event)
            case LastAction():
                self._env(payload.env_id).apply_action(payload)
                self._group(event.group_id).ops.add_decision(payload)
            case SeedGerminated() | SeedStageChanged() | SeedFossilized() | SeedPruned():
                self._env(payload.env_id).apply_seed(payload)
            case EpisodeOutcome():
                self._env(payload.env_id).apply_outcome(payload)
            case GovernorRollback():
                self._env(payload.env_id).apply_rollback(payload)
            case TrainingEnded():
                self.ended = payload
            case _:
                self._batch_tail(payload, event.group_id)

    def _batch_tail(self, payload: Payload, group_id: str) -> None:
        match payload:
            case AnomalyDetected():
                self.anomalies = (*self.anomalies, payload)
            case PPOUpdateCompleted():
                self._group(group_id).updates.append(payload)
            case BatchStats():
                self._group(group_id).rounds.append(payload)
                # Alarms stand until the next round's figures; those of that round have come before them.
                self.anomalies = tuple(alarm for alarm in self.anomalies if alarm.batch == payload.batch)
            case BatchEpochCompleted():
                self.batches_completed = payload.batch
            case Throughput():
                self.throughput = payload
            case _:
                pass

    def _start(self, payload: TrainingStarted, time: float) -> None:
        self.run = payload
        self.started_at = time
        self.batches_completed = payload.start_batch - 1
        for group in payload.groups:
            self._group(group.group_id)
        for env_id in range(payload.n_envs):
            self._env(env_id)

    def _epoch(self, payload: EpochCompleted, event: Event) -> None:
        time, group = event.time, self._group(event.group_id)
        if (payload.batch, payload.epoch) != (self.batch, self.epoch):
            self.pace.start_fleet_epoch(time)
            self.batch, self.epoch = payload.batch, payload.epoch
        self.pace.add_env_epoch(time)
        group.curve.add(payload)
        group.ops.enter_round(payload.batch)
        self._env(payload.env_id).apply_epoch(payload)

    def _group(self, group_id: str) -> GroupState:
        group = self.groups.get(group_id)
        if group is None:
            group = self.groups[group_id] = GroupState(group_id=group_id)
        return group

    def _env(self, env_id: int) -> EnvState:
        env = self.envs.get(env_id)
        if env is None:
            slot_ids = self.run.slot_ids if self.run else ()
            max_epochs = self.run.max_epochs if self.run else 0
            env = self.envs[env_id] = EnvState(env_id=env_id, slot_ids=slot_ids, max_epochs=max_epochs)
        return env

    def snapshot(self) -> CockpitSnapshot:
        """What the screen shows now. Parts that did not change are the objects of the last snapshot."""
        return CockpitSnapshot(
            events=self.events,
            last_time=self.last_time,
            started_at=self.started_at,
            run=self.run,
            ended=self.ended,
            progress=self._progress(),
            envs=tuple(env.to_row() for _, env in sorted(self.envs.items())),
            groups=tuple(group.figures() for group in self.groups.values()),
            anomalies=self.anomalies,
            throughput=self.throughput,
            log=tuple(self.log.lines),
            folded=self.log.folded,
        )

    def _progress(self) -> Progress:
        share = self._share_done()
        elapsed = self.pace.elapsed(self.started_at)
        return Progress(
            batch=self.batch,
            epoch=self.epoch,
            batches_completed=self.batches_completed,
            share_done=share,
            env_epochs=self.pace.env_epochs,
            rate_now=self.pace.rate_now(),
            rate_mean=self.pace.rate_mean(self.started_at),
            eta_seconds=elapsed * (1.0 - share) / share if share and elapsed and self.ended is None else None,
        )

    def _share_done(self) -> float | None:
        """Rounds and parts of a round that are over, of those that this run set out to do."""
        if self.run is None:
            return None
        before = self.run.start_batch - 1
        part = 0.0
        if self.batch is not None and self.epoch is not None and self.batch > self.batches_completed:
            part = self.epoch / self.run.max_epochs
        return (self.batches_completed + part - before) / (self.run.max_batches - before)


def _env_of(payload: Payload) -> int | None:
    match payload:
        case (
            EpochCompleted()
            | LastAction()
            | SeedGerminated()
            | SeedStageChanged()
            | SeedGateEvaluated()
            | SeedFossilized()
            | SeedPruned()
            | EpisodeOutcome()
            | GovernorRollback()
            | AnomalyDetected()
        ):
            return payload.env_id
        case _:
            return None
