"""The public entry to training: rounds of rollout, PPO update and report."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from time import perf_counter

import torch

from esper.contracts.randomness import derive_seed
from esper.fleet.fleet import Fleet
from esper.growth.hosts import check_host_fits
from esper.tasks.batches import BatchSource
from esper.tasks.registry import load_task
from esper.telemetry.events import RunEnd, TrainingEnded, TrainingStarted
from esper.telemetry.hub import Hub
from esper.training.agent import Agent
from esper.training.batch_report import BatchReporter
from esper.training.config import TrainingConfig
from esper.training.device import resolve_device
from esper.training.garden import Garden
from esper.training.phase_clock import Phase, PhaseClock
from esper.training.rollout import BatchWorld, Rollout
from esper.training.run_control import RunControl
from esper.training.vectorized_types import BatchSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """How a run ended, and one summary per completed batch."""

    end: RunEnd
    batches_completed: int
    summaries: tuple[BatchSummary, ...]


def train_ppo_vectorized(
    config: TrainingConfig,
    *,
    hub: Hub | None = None,
    run_id: str = "unrecorded",
    control: RunControl | None = None,
    on_summary: Callable[[BatchSummary], None] | None = None,
) -> TrainingResult:
    """Train a fleet of growing hosts and the controller that grows them.

    hub: where events go; without one nothing is recorded. control: lets another thread pause or stop the run.
    on_summary: called with each batch's summary before that batch's BATCH_EPOCH_COMPLETED.

    Raises:
        ConfigError: the config asks for a task, device or size that cannot be had, or for a host that
            cannot read the task.
        TelemetryWriteError: the record of the run can no longer be written.
        SkippedUpdatesError: three PPO updates in a row were skipped; names the cause.
    """
    trainer = VectorizedPPOTrainer(
        config,
        hub=hub or Hub(),
        run_id=run_id,
        control=control or RunControl(),
        on_summary=on_summary or _ignore,
    )
    return trainer.train()


def _ignore(_summary: BatchSummary) -> None:
    """What on_summary does when the caller wants none: the summaries are in the result all the same."""


class VectorizedPPOTrainer:
    """Runs the batches of one run. See docs/architecture.md for the order of things within an epoch."""

    def __init__(
        self,
        config: TrainingConfig,
        *,
        hub: Hub,
        run_id: str,
        control: RunControl,
        on_summary: Callable[[BatchSummary], None],
    ) -> None:
        self._config = config
        self._hub = hub
        self._run_id = run_id
        self._control = control
        self._on_summary = on_summary
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        self._device = resolve_device(config.run.device)
        self._data = load_task(config.task, config.run.seed).to(self._device)
        check_host_fits(config.host, self._data.input_shape, self._data.name)
        self._source = BatchSource(
            self._data,
            envs=config.fleet.envs,
            batch_size=config.fleet.batch_size,
            evaluation_batch_size=config.fleet.evaluation_batch_size,
            steps=config.fleet.steps_per_epoch,
            augment=config.task.augment,
        )
        self._agent = Agent(config, self._device)
        self._clock = PhaseClock()
        self._reporter = BatchReporter(config, hub=hub, source=self._source, clock=self._clock)

    def train(self) -> TrainingResult:
        """Run every batch, or until a stop is requested. The last event says how the run ended, failures included."""
        started = perf_counter()
        summaries: list[BatchSummary] = []
        end = RunEnd.FAILED
        try:
            end = self._run_batches(summaries)
        finally:
            error = sys.exception()
            self._hub.emit(
                TrainingEnded(
                    end=end,
                    batches_completed=len(summaries),
                    wall_seconds=perf_counter() - started,
                    error=None if error is None else f"{type(error).__name__}: {error}",
                )
            )
        return TrainingResult(end=end, batches_completed=len(summaries), summaries=tuple(summaries))

    def _run_batches(self, summaries: list[BatchSummary]) -> RunEnd:
        for batch in range(1, self._config.run.rounds + 1):
            summary = self._run_batch(batch)
            if summary is None:
                return RunEnd.STOPPED
            summaries.append(summary)
            # Only now: a batch whose update was skipped counts, and its record is complete.
            self._agent.require_learning()
        return RunEnd.FINISHED

    def _run_batch(self, batch: int) -> BatchSummary | None:
        """One batch: fresh hosts, T epochs, one PPO update. None: stopped before it was complete."""
        if self._control.stop_after_round_requested:
            return None
        self._clock.restart()
        with self._clock.measure(Phase.SETUP):
            world = self._new_world(batch)
            if batch == 1:
                self._hub.emit(self._training_started(world.fleet))
            self._agent.begin_batch()
            rollout = Rollout(self._config, world, self._agent, hub=self._hub, clock=self._clock, control=self._control)
        if not rollout.run():
            return None
        with self._clock.measure(Phase.UPDATE):
            metrics = self._agent.update(self._generator("minibatches", batch))
        return self._reporter.report(world, rollout, metrics, self._on_summary)

    def _new_world(self, batch: int) -> BatchWorld:
        config = self._config
        envs = range(config.fleet.envs)
        first_episode = (batch - 1) * config.fleet.envs
        fleet = Fleet(
            host=config.host,
            growth=config.growth,
            fleet=config.fleet,
            input_shape=self._data.input_shape,
            num_classes=self._data.num_classes,
            device=self._device,
            generators=[self._generator("host", first_episode + env) for env in envs],
        )
        garden = Garden(
            fleet,
            config.growth,
            config.host.topology,
            run_seed=config.run.seed,
            first_episode=first_episode,
        )
        if config.fleet.data_order == "shared":
            data_generators = [self._generator("data", batch)]
        else:
            data_generators = [self._generator("data of env", first_episode + env) for env in envs]
        return BatchWorld(
            batch=batch,
            fleet=fleet,
            garden=garden,
            source=self._source,
            random_guess_loss=self._data.random_guess_loss,
            data_generators=data_generators,
            policy_generator=self._generator("actions", batch),
        )

    def _generator(self, stream: str, number: int) -> torch.Generator:
        """The named random stream of one batch or episode; no stream outlives its batch."""
        return torch.Generator().manual_seed(derive_seed(self._config.run.seed, stream, number))

    def _training_started(self, fleet: Fleet) -> TrainingStarted:
        config = self._config
        return TrainingStarted(
            run_id=self._run_id,
            package_version=version("esper"),
            preset=config.run.preset,
            task=self._data.name,
            host_params=fleet.host_parameter_count,
            slot_ids=fleet.slot_config.slot_ids,
            n_envs=config.fleet.envs,
            max_epochs=config.fleet.episode_length,
            max_batches=config.run.rounds,
            start_batch=1,
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
        )
