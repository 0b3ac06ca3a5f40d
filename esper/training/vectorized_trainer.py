"""The entry to training: rounds of rollout, learning and report, for one policy group or several."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from time import perf_counter

import torch

from esper.contracts.distribution import package_version
from esper.errors import SkippedUpdatesError
from esper.fleet.devices import resolve_device
from esper.fleet.fleet import Fleet
from esper.fleet.threads import blas_library, use_threads
from esper.growth.hosts.kinds import topology_of
from esper.policy.masks import legal_blueprints
from esper.rewards.normalizer import RewardNormalizer
from esper.telemetry.bounds import LONGEST_TEXT
from esper.telemetry.events import HostsKept, OperatorOrdered, RunEnd, TrainingEnded, TrainingStarted
from esper.telemetry.hub import Hub
from esper.training.checkpoint import CheckpointSchedule, TrainerState, require_same_run, restore
from esper.training.checkpoint_records import TrainerCheckpoint
from esper.training.config import TrainingConfig
from esper.training.controllers.registry import ControllerFactory, make_controller
from esper.training.episode.orders import OrderBook
from esper.training.episode.rollout import Rollout
from esper.training.episode.world import BatchWorld
from esper.training.episode.world_maker import WorldMaker, random_stream
from esper.training.group import Group, groups_of_envs
from esper.training.group_spec import GroupSpec, check_groups
from esper.training.host_keeper import HostKeeper
from esper.training.kept_hosts import KeptHosts
from esper.training.payloads import algorithm_chosen
from esper.training.phase_clock import Phase, PhaseClock
from esper.training.ppo.skipped_updates import SkipCounter
from esper.training.ranks.agreement import ends_after_round
from esper.training.ranks.protocol import SINGLE, Ranks, first_alone, own_envs
from esper.training.report.batch import BatchReporter
from esper.training.run_control import RunControl
from esper.training.shares import (
    begin_rollout,
    check_shares,
    end_rollout,
    join_ranks,
    require_same_ground,
    require_same_state,
    share_state,
)
from esper.training.vectorized_types import BatchSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """How a run ended, and for each completed batch one summary of each group, in the order of the groups.

    batches_completed: counted since the run first began, including those before an interruption.
    """

    end: RunEnd
    batches_completed: int
    summaries: tuple[BatchSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHooks:
    """What a run reports to, listens to and starts from. Every field may be left out.

    hub: where events go; a hub without sinks records nothing.
    run_id: the run's name in its first event.
    control: lets another thread pause or stop the run.
    on_rollout: called with each batch's finished rollout, before anything is learned from it.
    on_summary: called with each batch's summary, once per group, before that batch's BATCH_EPOCH_COMPLETED.
    on_checkpoint: called with what is to be kept, every run.checkpoint_interval batches and when the run ends in an
        orderly way after at least one batch; None keeps nothing.
    on_hosts: called after each batch with the grown networks to keep, as run.keep_hosts says; None keeps none.
    start: where an interrupted run continues, with batch start.rounds_completed + 1; None starts a new run.
    make_controller: builds each group's controller; without it, the one that the group's config names.
    ranks: the processes that train the run together. The start and the controllers' state are those of the first one.
    """

    hub: Hub = field(default_factory=Hub)
    run_id: str = "unrecorded"
    control: RunControl = field(default_factory=RunControl)
    on_summary: Callable[[BatchSummary], None] | None = None
    on_rollout: Callable[[Rollout], None] | None = None
    on_checkpoint: Callable[[TrainerCheckpoint], None] | None = None
    on_hosts: Callable[[KeptHosts], None] | None = None
    start: TrainerState | None = None
    make_controller: ControllerFactory = make_controller
    ranks: Ranks = SINGLE


def train_ppo_vectorized(config: TrainingConfig, hooks: RunHooks | None = None) -> TrainingResult:
    """Train a fleet of growing hosts and the controller that grows them.

    Raises:
        ConfigError: the config names a task, device or size that is not available here, or a host that cannot read the
            task.
        TelemetryWriteError: the record of the run can no longer be written.
        SkippedUpdatesError: three PPO updates in a row were skipped; the message names the cause.
    """
    return train_groups([GroupSpec(config=config)], hooks)


def train_groups(specs: Sequence[GroupSpec], hooks: RunHooks | None = None) -> TrainingResult:
    """Train several policy groups in lockstep, in one fleet, each with its own controller (see esper.training.group).

    Each summary has its group_id set, and so has the envelope of every event that belongs to one group.

    Raises:
        ConfigError: as for train_ppo_vectorized, or the groups cannot share a fleet.
        TelemetryWriteError: the record of the run can no longer be written.
        SkippedUpdatesError: three PPO updates of a group in a row were skipped; the message names the cause.
    """
    return VectorizedPPOTrainer(specs, hooks or RunHooks()).train()


class VectorizedPPOTrainer:
    """Runs the batches of one run. docs/architecture.md describes the order of things within an epoch."""

    def __init__(self, specs: Sequence[GroupSpec], hooks: RunHooks) -> None:
        check_groups(specs)
        self._ranks = hooks.ranks
        check_shares(specs, self._ranks)
        config = specs[0].config
        self._config = config  # The first group's config is read here only for what all groups share.
        self._hooks = hooks
        self._hub = hooks.hub
        use_threads(config.run.threads)
        self._device = resolve_device(config.run.device)
        self._worlds = first_alone(self._ranks, lambda: self._load_worlds(len(specs)))
        if config.run.threads == 0:
            self._worlds.settle_threads()
        self._worlds.agree()
        require_same_ground(self._ranks, self._worlds.data_digest)
        self._data, self._source = self._worlds.data, self._worlds.source
        self._skips = tuple(SkipCounter() for _ in specs)
        self._groups = tuple(self._new_group(spec, place) for place, spec in enumerate(specs))
        hooks.control.expect_envs(len(groups_of_envs(self._groups)))
        self._clock = PhaseClock()
        self._reporter = BatchReporter(
            self._groups, hub=self._hub, source=self._source, clock=self._clock, ranks=self._ranks
        )
        self._checkpoints = CheckpointSchedule(
            self._groups, interval=config.run.checkpoint_interval, on_checkpoint=hooks.on_checkpoint
        )
        self._keeper = HostKeeper(self._groups, self._data, config.run.keep_hosts, self._ranks)
        self._completed = 0
        self._orders: tuple[OperatorOrdered, ...] = ()
        self._announced = False
        if hooks.start is not None:
            self._continue(hooks.start)
        share_state(self._groups, self._ranks)

    def _continue(self, start: TrainerState) -> None:
        require_same_run(start.groups, self._groups)
        restore(self._groups, start.tensors)
        self._reporter.recall(start.earlier)
        for group, skips in zip(self._groups, self._skips, strict=True):
            updates = [item.ppo_metrics for item in start.earlier if item.group_id == group.group_id]
            skips.recall([update.skip_cause for update in updates if update is not None])
        self._keeper.recall(start.kept)
        self._completed = start.rounds_completed
        self._orders = start.orders

    def _new_group(self, spec: GroupSpec, place: int) -> Group:
        envs = spec.config.fleet.envs
        controller = self._hooks.make_controller(spec.config, self._device)
        join_ranks(controller, self._ranks)
        own = own_envs(self._ranks, envs)
        return Group(
            group_id=spec.group_id,
            config=spec.config,
            controller=controller,
            reward_normalizer=RewardNormalizer(clip=spec.config.reward.clip),
            env_ids=range(place * envs, (place + 1) * envs),
            rows=range(place * envs + own.start, place * envs + own.stop),
        )

    def _load_worlds(self, groups: int) -> WorldMaker:
        return WorldMaker(self._config, groups=groups, ranks=self._ranks)

    def train(self) -> TrainingResult:
        """Run every batch, or as many as there are before a stop is requested.

        The last event says how the run ended.
        """
        started = perf_counter()
        summaries: list[tuple[BatchSummary, ...]] = []
        end = RunEnd.FAILED
        try:
            end = self._run_batches(summaries)
        finally:
            error = sys.exception()
            self._hub.emit(
                TrainingEnded(
                    end=end,
                    batches_completed=self._completed,
                    wall_seconds=perf_counter() - started,
                    error=None if error is None else f"{type(error).__name__}: {error}"[:LONGEST_TEXT],
                    signal=self._hooks.control.stop_signal if end is RunEnd.STOPPED else None,
                )
            )
        return TrainingResult(end=end, batches_completed=self._completed, summaries=tuple(chain(*summaries)))

    def _run_batches(self, summaries: list[tuple[BatchSummary, ...]]) -> RunEnd:
        end = RunEnd.FINISHED
        while self._completed < self._config.run.rounds:
            finished = self._run_batch(self._completed + 1)
            if finished is None:
                end = RunEnd.STOPPED
                break
            summaries.append(finished)
            self._completed += 1
            self._checkpoints.after_round(self._completed, self._hub.last_seq)
            self._count_skips(finished)
        self._checkpoints.save()
        self._ranks.gather(None)  # The others wait until the first rank has saved.
        return end

    def _count_skips(self, finished: tuple[BatchSummary, ...]) -> None:
        """Count skipped updates after the batch was recorded, because such a batch counts.

        Too many in a row end the run.
        """
        try:
            for skips, summary in zip(self._skips, finished, strict=True):
                if summary.ppo_metrics is not None:
                    skips.count(summary.ppo_metrics.skip_cause)
        except SkippedUpdatesError:
            self._checkpoints.save()
            raise

    def _run_batch(self, batch: int) -> tuple[BatchSummary, ...] | None:
        """Run one batch: fresh hosts, T epochs, and one update per learning group.

        The result is None if the run was stopped before the batch was complete.
        """
        if ends_after_round(self._hooks.control, self._ranks):
            OrderBook(
                batch, self._hooks.control, self._hub, groups=groups_of_envs(self._groups), ranks=self._ranks
            ).take(1)
            return None
        self._clock.restart()
        with self._clock.measure(Phase.SETUP):
            world = self._worlds.make(batch)
            if not self._announced:
                self._hub.emit(self._training_started(world.fleet))
                self._hub.emit(algorithm_chosen(self._worlds.agreed or world.fleet.algorithm_choice))
                self._announced = True
            for group in self._groups:
                begin_rollout(group.reward_normalizer, self._ranks)
                group.controller.begin_batch(group.reward_normalizer.scale)
            rollout = Rollout(
                self._groups,
                world,
                hub=self._hub,
                clock=self._clock,
                control=self._hooks.control,
                save=self._checkpoints.save,
                recorded_orders=[order for order in self._orders if order.batch == batch],
                ranks=self._ranks,
            )
        if not rollout.run():
            return None
        for group in self._groups:
            end_rollout(group.reward_normalizer, self._ranks)
        if self._hooks.on_rollout is not None:
            self._hooks.on_rollout(rollout)
        with self._clock.measure(Phase.UPDATE):
            metrics = [
                group.controller.learn(random_stream(self._config.run.seed, "minibatches", batch))
                for group in self._groups
            ]
        require_same_state(self._groups, self._ranks)
        summaries = self._reporter.report(world, rollout, metrics, self._hooks.on_summary)
        self._keep_hosts(world, summaries)
        return summaries

    def _keep_hosts(self, world: BatchWorld, summaries: tuple[BatchSummary, ...]) -> None:
        """Hand the networks that are worth keeping to whoever keeps them, and say which ones those are."""
        wanted = self._hooks.on_hosts is not None and self._config.run.keep_hosts != "none"
        if not self._ranks.from_first(lambda: wanted):
            return
        kept = self._keeper.after_round(
            world, [[record.outcome for record in summary.episode_history] for summary in summaries]
        )
        if self._hooks.on_hosts is not None:
            self._hooks.on_hosts(kept)
        self._hub.emit(HostsKept(batch=world.batch, names=kept.names, left_out=kept.left_out))

    def _training_started(self, fleet: Fleet) -> TrainingStarted:
        config = self._config
        return TrainingStarted(
            run_id=self._hooks.run_id,
            package_version=package_version(),
            preset=config.run.preset,
            task=self._data.name,
            host_params=fleet.host_parameter_count,
            slot_ids=fleet.slot_config.slot_ids,
            blueprints=legal_blueprints(topology_of(config.host)),
            n_envs=config.fleet.envs * len(self._groups),
            max_epochs=config.fleet.episode_length,
            max_batches=config.run.rounds,
            start_batch=self._completed + 1,
            steps_per_epoch=self._source.steps_per_epoch,
            num_classes=self._data.num_classes,
            seed=config.run.seed,
            device=str(self._device),
            threads=torch.get_num_threads(),
            reward_mode=config.reward.mode,
            reward_family=config.reward.family,
            learning_rate=config.ppo.learning_rate,
            clip_ratio=config.ppo.clip_ratio,
            entropy_coef=config.ppo.entropy_coef,
            conv_algorithm=fleet.conv_algorithm,
            blas=blas_library(),
            data_digest=self._worlds.data_digest,
            groups=tuple(group.started() for group in self._groups),
        )
