"""The tail of a batch: outcomes, anomalies, the summary record and the events in their binding order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from esper.tasks.batches import BatchSource
from esper.telemetry.events import (
    BatchEpochCompleted,
    BatchStats,
    EpisodeOutcome,
    PPOUpdateCompleted,
    RewardSummary,
    Severity,
    Throughput,
)
from esper.telemetry.hub import Hub
from esper.training.anomalies import detect_anomalies, detect_trend, rolling_mean
from esper.training.config import TrainingConfig
from esper.training.outcomes import env_reward_summary, episode_outcome, episode_record
from esper.training.phase_clock import Phase, PhaseClock
from esper.training.rollout import BatchWorld, Rollout
from esper.training.vectorized_types import BatchSummary, BatchTimings, PPOMetrics


class BatchReporter:
    """Reports batches one after another and remembers the accuracies from which the rolling mean and trend follow."""

    def __init__(self, config: TrainingConfig, *, hub: Hub, source: BatchSource, clock: PhaseClock) -> None:
        self._config = config
        self._hub = hub
        self._source = source
        self._clock = clock
        self._accuracies: list[float] = []

    def report(
        self,
        world: BatchWorld,
        rollout: Rollout,
        metrics: PPOMetrics,
        on_summary: Callable[[BatchSummary], None],
    ) -> BatchSummary:
        """Emit a finished batch and return its summary, after handing it to on_summary."""
        batch = world.batch
        with self._clock.measure(Phase.TELEMETRY):
            outcomes = self._emit_outcomes(world, rollout)
            accuracies = [outcome.final_accuracy for outcome in outcomes]
            self._accuracies.append(float(np.mean(accuracies)))
            for anomaly in detect_anomalies(metrics, batch):
                self._hub.emit(anomaly, severity=Severity.WARNING)
            self._hub.emit(_update_payload(metrics, batch))
            self._hub.emit(self._batch_stats(batch, rollout, outcomes, metrics))
            trend = detect_trend(self._accuracies, batch, self._config.run)
            if trend is not None:
                self._hub.emit(trend)
        throughput = self._throughput(batch)
        summary = self._summary(batch, rollout, outcomes, metrics, throughput)
        on_summary(summary)
        self._hub.emit(throughput)
        self._hub.emit(
            RewardSummary(
                batch=batch,
                envs=tuple(env_reward_summary(episode) for episode in rollout.episodes),
                mean_terms=rollout.tallies.mean_reward_terms(),
            )
        )
        self._hub.emit(rollout.tallies.mask_hit_rates(batch))
        self._hub.emit(
            BatchEpochCompleted(
                batch=batch,
                max_batches=self._config.run.rounds,
                episodes_completed=summary.episodes,
                n_envs=len(outcomes),
                avg_accuracy=summary.avg_accuracy,
                rolling_avg_accuracy=summary.rolling_avg_accuracy,
                avg_reward=summary.avg_reward,
                env_accuracies=tuple(accuracies),
            )
        )
        self._hub.emit(rollout.tallies.action_distribution(batch))
        return summary

    def _emit_outcomes(self, world: BatchWorld, rollout: Rollout) -> tuple[EpisodeOutcome, ...]:
        """One outcome per env, rolled-back ones included."""
        first = (world.batch - 1) * world.fleet.rows
        outcomes: list[EpisodeOutcome] = []
        for episode, test_accuracy in zip(rollout.episodes, rollout.test_accuracies, strict=True):
            env = episode.env_id
            outcome = episode_outcome(
                episode,
                world.garden.infos(env),
                batch=world.batch,
                number=first + env,
                test_accuracy=test_accuracy,
                host_params=world.fleet.host_parameter_count,
                total_params=world.garden.total_params(env),
                germinations=world.garden.germinations(env),
                reward_mode=self._config.reward.mode,
            )
            episode.outcome.episode_outcome = outcome
            episode.outcome.final_accuracy = outcome.final_accuracy
            episode.outcome.truncated = episode.running and self._config.ppo.horizon == "truncate"
            self._hub.emit(outcome)
            outcomes.append(outcome)
        return tuple(outcomes)

    def _batch_stats(
        self, batch: int, rollout: Rollout, outcomes: tuple[EpisodeOutcome, ...], metrics: PPOMetrics
    ) -> BatchStats:
        returns = [outcome.episode_reward for outcome in outcomes]
        low, high = np.percentile(returns, [10, 90])
        tallies = rollout.tallies
        return BatchStats(
            batch=batch,
            episodes_completed=batch * len(outcomes),
            avg_accuracy=self._accuracies[-1],
            rolling_avg_accuracy=self._rolling(),
            best_accuracy=max(outcome.best_accuracy for outcome in outcomes),
            avg_test_accuracy=_mean_test_accuracy(outcomes),
            avg_return=float(np.mean(returns)),
            return_p10=float(low),
            return_p90=float(high),
            entropy=metrics.entropy,
            kl_divergence=metrics.kl_divergence,
            explained_variance=metrics.explained_variance,
            seeds_created=tallies.germinated,
            seeds_fossilized=tallies.fossilized,
            seeds_pruned=tallies.pruned,
            rollbacks=tallies.rollbacks,
            skipped_update=metrics.skipped,
        )

    def _throughput(self, batch: int) -> Throughput:
        """Measured over the batch up to now; what follows is a handful of events."""
        fleet = self._config.fleet
        wall, clock = self._clock.wall_seconds, self._clock
        stepping = clock.seconds(Phase.TRAIN) + clock.seconds(Phase.EVALUATE)
        env_epochs = fleet.envs * fleet.episode_length
        return Throughput(
            batch=batch,
            wall_ms=1e3 * wall,
            step_time_ms=1e3 * stepping / fleet.episode_length,
            dataloader_wait_ms=1e3 * self._source.take_wait_seconds(),
            env_epochs_per_second=env_epochs / wall,
            images_per_second=env_epochs * self._source.images_per_epoch / wall,
            update_ms=1e3 * clock.seconds(Phase.UPDATE),
            phases=clock.phases(),
        )

    def _summary(
        self,
        batch: int,
        rollout: Rollout,
        outcomes: tuple[EpisodeOutcome, ...],
        metrics: PPOMetrics,
        throughput: Throughput,
    ) -> BatchSummary:
        return BatchSummary(
            batch=batch,
            episodes=batch * len(outcomes),
            avg_accuracy=self._accuracies[-1],
            rolling_avg_accuracy=self._rolling(),
            avg_test_accuracy=_mean_test_accuracy(outcomes),
            avg_reward=float(np.mean([outcome.episode_reward for outcome in outcomes])),
            ppo_metrics=metrics,
            reward_summary=tuple(episode.reward_sums for episode in rollout.episodes),
            episode_history=tuple(episode_record(outcome) for outcome in outcomes),
            timings=BatchTimings(
                wall_seconds=throughput.wall_ms / 1e3,
                env_epochs_per_second=throughput.env_epochs_per_second,
                phases=throughput.phases,
            ),
        )

    def _rolling(self) -> float:
        return rolling_mean(self._accuracies, self._config.run.rolling_window)


def _mean_test_accuracy(outcomes: tuple[EpisodeOutcome, ...]) -> float | None:
    known = [outcome.test_accuracy for outcome in outcomes if outcome.test_accuracy is not None]
    return float(np.mean(known)) if known else None


def _update_payload(metrics: PPOMetrics, batch: int) -> PPOUpdateCompleted:
    """The record of the update as an event: the same fields, and the batch."""
    return PPOUpdateCompleted(batch=batch, **{item.name: getattr(metrics, item.name) for item in fields(metrics)})
