"""The end of a batch, over all policy groups, with the events in their binding order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from esper.tasks.batches import BatchSource
from esper.telemetry.events import PPOMetrics, Throughput
from esper.telemetry.hub import Hub
from esper.training.anomalies.watches import MemoryWatch
from esper.training.episode.rollout import Rollout
from esper.training.episode.world import BatchWorld
from esper.training.group import Group
from esper.training.phase_clock import Phase, PhaseClock
from esper.training.ranks.protocol import SINGLE, Ranks
from esper.training.ranks.relay import EventRelay
from esper.training.report.group import GroupReporter
from esper.training.vectorized_types import BatchSummary, BatchTimings


class BatchReporter:
    """Reports the batches of a run one after another, first the results of every group and then what ends the batch."""

    def __init__(
        self, groups: Sequence[Group], *, hub: Hub, source: BatchSource, clock: PhaseClock, ranks: Ranks = SINGLE
    ) -> None:
        """ranks: the processes of the run, whose results are reported together."""
        run = groups[0].config.run
        self._fleet = groups[0].config.fleet
        self._envs = self._fleet.envs * len(groups)
        self._relay = EventRelay(hub, ranks)
        self._reporters = tuple(GroupReporter(group, hub=hub, relay=self._relay, ranks=ranks) for group in groups)
        self._memory = MemoryWatch(torch.device(run.device), batches=run.rounds)
        self._hub = hub
        self._source = source
        self._clock = clock

    def recall(self, earlier: Sequence[BatchSummary]) -> None:
        """Continue after the batches that came before the first one reported here."""
        for reporter in self._reporters:
            reporter.recall(earlier)

    def report(
        self,
        world: BatchWorld,
        rollout: Rollout,
        metrics: Sequence[PPOMetrics | None],
        on_summary: Callable[[BatchSummary], None] | None,
    ) -> tuple[BatchSummary, ...]:
        """Emit a finished batch and return each group's summary, after handing it to on_summary.

        metrics: those of each group's update, in the order of the groups, or None for a group that does not learn.
        """
        with self._clock.measure(Phase.TELEMETRY):
            for anomaly in self._memory.after_batch(world.batch):
                self._relay.target.emit(anomaly, severity=anomaly.severity)
            self._relay.deliver()
            reported = [
                reporter.results(world, group, update)
                for reporter, group, update in zip(self._reporters, rollout.groups, metrics, strict=True)
            ]
        throughput = self._throughput(world.batch)
        timings = BatchTimings(
            wall_seconds=throughput.wall_ms / 1e3,
            env_epochs_per_second=throughput.env_epochs_per_second,
            phases=throughput.phases,
        )
        summaries = tuple(replace(summary, timings=timings) for summary, _ in reported)
        if on_summary is not None:
            for summary in summaries:
                on_summary(summary)
        self._hub.emit(throughput)
        for reporter, (_, results) in zip(self._reporters, reported, strict=True):
            reporter.rewards_and_masks(world.batch, results)
        for reporter, (_, results), summary in zip(self._reporters, reported, summaries, strict=True):
            reporter.barrier(summary, results)
        return summaries

    def _throughput(self, batch: int) -> Throughput:
        """The throughput of the whole fleet over the batch up to now. Only a handful of events follow."""
        wall, clock = self._clock.wall_seconds, self._clock
        stepping = sum(clock.seconds(phase) for phase in (Phase.TRAIN, Phase.DATA_WAIT, Phase.EVALUATE))
        env_epochs = self._envs * self._fleet.episode_length
        return Throughput(
            batch=batch,
            wall_ms=1e3 * wall,
            step_time_ms=1e3 * stepping / self._fleet.episode_length,
            dataloader_wait_ms=1e3 * clock.seconds(Phase.DATA_WAIT),
            env_epochs_per_second=env_epochs / wall,
            images_per_second=env_epochs * self._source.images_per_epoch / wall,
            update_ms=1e3 * clock.seconds(Phase.UPDATE),
            phases=clock.phases(),
        )
