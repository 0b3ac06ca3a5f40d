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
    CounterfactualMatrixComputed,
    EpisodeOutcome,
    EpochCompleted,
    Event,
    GovernorRollback,
    LastAction,
    OperatorOrdered,
    Payload,
    PPOUpdateCompleted,
    RunEnd,
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    TrainingEnded,
    TrainingStarted,
)
from esper_tui.state.alert_rules import env_alert, failure_alert, policy_alerts
from esper_tui.state.alerts import AlertBook, Moment, trainer_alert
from esper_tui.state.env_state import EnvState
from esper_tui.state.env_status import FleetReference, fleet_reference
from esper_tui.state.episode import SeedPayload
from esper_tui.state.event_log import EventLog
from esper_tui.state.group_state import GroupState
from esper_tui.state.ledger import LedgerBook
from esper_tui.state.module_book import ModuleBook
from esper_tui.state.pace import Pace
from esper_tui.state.pair_book import PairBook
from esper_tui.state.snapshot import CockpitSnapshot, Progress


@dataclass(slots=True, kw_only=True)
class Aggregator:
    """Mutable state of the reducer. Use apply() and snapshot(); the fields are its own."""

    events: int = 0
    last_seq: int | None = None
    started_at: float | None = None
    last_time: float | None = None
    run: TrainingStarted | None = None
    ended: TrainingEnded | None = None
    batch: int | None = None
    epoch: int | None = None
    batches_completed: int = 0
    envs: dict[int, EnvState] = field(default_factory=dict[int, EnvState])
    groups: dict[str, GroupState] = field(default_factory=dict[str, GroupState])
    fleet: FleetReference = field(default_factory=FleetReference)
    alerts: AlertBook = field(default_factory=AlertBook)
    modules: ModuleBook = field(default_factory=ModuleBook)
    ledger: LedgerBook = field(default_factory=LedgerBook)
    pairs: PairBook = field(default_factory=PairBook)
    pace: Pace = field(default_factory=Pace)
    log: EventLog = field(default_factory=EventLog)

    def copy(self) -> Aggregator:
        """An independent copy, for keyframes; immutable parts are shared."""
        return replace(
            self,
            envs={env_id: env.copy() for env_id, env in self.envs.items()},
            groups={group_id: group.copy() for group_id, group in self.groups.items()},
            alerts=self.alerts.copy(),
            modules=self.modules.copy(),
            ledger=self.ledger.copy(),
            pairs=self.pairs.copy(),
            pace=self.pace.copy(),
            log=self.log.copy(),
        )

    @property
    def has_fresh_episodes(self) -> bool:
        """Whether every env has reported the first host epoch of the newest round, and nothing more."""
        return self.batch is not None and all(
            env.batch == self.batch and len(env.epochs) == 1 for env in self.envs.values()
        )

    def apply(self, event: Event) -> None:
        """Take in the next event of the run."""
        self.events += 1
        self.last_seq, self.last_time = event.seq, event.time
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
            case CounterfactualMatrixComputed():
                self._env(payload.env_id).apply_matrix(payload)
                self.modules.measure(payload)
            case SeedGerminated() | SeedStageChanged() | SeedGateEvaluated() | SeedFossilized() | SeedPruned():
                self._seed(payload, event.seq)
            case EpisodeOutcome():
                self._outcome(payload)
            case GovernorRollback():
                self._env(payload.env_id).apply_rollback(payload, self.fleet)
                self._watch_env(self._env(payload.env_id))
                self.ledger.apply(payload)
            case TrainingEnded():
                self.ended = payload
                if payload.end is RunEnd.FAILED:
                    self.alerts.hold(failure_alert(payload, moment=self._moment(), position=self.events))
            case _:
                self._batch_tail(payload, event.group_id)

    def _seed(self, payload: SeedPayload, seq: int) -> None:
        self._env(payload.env_id).apply_seed(payload, seq)
        match payload:
            case SeedGerminated():
                self.modules.germinate(payload)
            case SeedFossilized():
                self.modules.fossilize(payload)
            case SeedPruned():
                self.modules.prune(payload)
            case _:
                pass

    def _outcome(self, payload: EpisodeOutcome) -> None:
        env = self._env(payload.env_id)
        env.apply_outcome(payload, self.fleet)
        self._watch_env(env)
        if env.group_id in self.groups:
            self.groups[env.group_id].add_outcome(payload)
        self.modules.end_episode(payload.env_id)
        self.ledger.end_episode(env.episode())
        self.pairs.end_episode(payload)

    def _batch_tail(self, payload: Payload, group_id: str) -> None:
        self.ledger.apply(payload)
        match payload:
            case AnomalyDetected():
                self._alarm(payload, group_id)
            case PPOUpdateCompleted():
                self._group(group_id).updates.append(payload)
                self._watch_policy(group_id)
            case BatchStats():
                self._group(group_id).rounds.append(payload)
                self.alerts.resolve_alarms_before(payload.batch, self._moment())
            case BatchEpochCompleted():
                self.batches_completed = payload.batch
                self.pairs.end_round(payload.batch, self.run.groups if self.run else ())
            case _:
                pass

    def _alarm(self, payload: AnomalyDetected, group_id: str) -> None:
        if payload.env_id is not None:
            self._env(payload.env_id).apply_alarm(payload)
        alert = trainer_alert(payload, group_id=group_id, moment=self._moment(), position=self.events)
        self.alerts.hold(alert)

    def _watch_env(self, env: EnvState) -> None:
        """Raise, renew or resolve the alert of an env, after its judgement."""
        moment = self._moment()
        alert = env_alert(env.env_id, env.judgement, moment=moment, position=self.events)
        if alert is None:
            self.alerts.resolve(f"env/{env.env_id}", moment)
        else:
            self.alerts.hold(alert)

    def _watch_policy(self, group_id: str) -> None:
        moment, updates = self._moment(), self._group(group_id).updates
        name = group_id if len(self.groups) > 1 else ""
        for key, alert in policy_alerts(updates, group_id, name, moment=moment, position=self.events):
            if alert is None:
                self.alerts.resolve(key, moment)
            else:
                self.alerts.hold(alert)

    def _moment(self) -> Moment:
        assert self.last_time is not None, "events have a time"
        return Moment(time=self.last_time, batch=self.batch, epoch=self.epoch)

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
            self._start_fleet_epoch(payload, time)
        self.pace.add_env_epoch(time)
        group.curve.add(payload)
        group.ops.enter_round(payload.batch)
        env = self._env(payload.env_id)
        env.group_id = event.group_id
        env.apply_epoch(payload, self.fleet)
        self._watch_env(env)

    def _start_fleet_epoch(self, payload: EpochCompleted, time: float) -> None:
        self.pace.start_fleet_epoch(time)
        new_round = payload.batch != self.batch
        envs = [] if new_round else [env.accuracies for env in self.envs.values() if env.batch == payload.batch]
        self.fleet = fleet_reference(envs)
        self.batch, self.epoch = payload.batch, payload.epoch

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
            last_seq=self.last_seq,
            last_time=self.last_time,
            started_at=self.started_at,
            run=self.run,
            ended=self.ended,
            progress=self._progress(),
            envs=tuple(env.to_row() for _, env in sorted(self.envs.items())),
            groups=tuple(group.figures() for group in self.groups.values()),
            alerts=self.alerts.figures(),
            resolved=self.alerts.history(),
            modules=self.modules.figures(),
            ledger=self.ledger.figures(),
            pairs=tuple(self.pairs.rounds),
            log=tuple(self.log.lines),
            folded=self.log.folded,
        )

    def _progress(self) -> Progress:
        share = self._share_done()
        elapsed = self.pace.elapsed(self.started_at)
        left = elapsed * (1.0 - share) / share if share and elapsed and self.ended is None else None
        now, mean = self.pace.rate_now(), self.pace.rate_mean(self.started_at)
        return Progress(
            batch=self.batch,
            epoch=self.epoch,
            batches_completed=self.batches_completed,
            share_done=share,
            env_epochs=self.pace.env_epochs,
            rate_now=now,
            rate_mean=mean,
            eta_seconds=left,
            eta_now_seconds=left * mean / now if left is not None and mean and now else None,
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
            | OperatorOrdered()
        ):
            return payload.env_id
        case _:
            return None
