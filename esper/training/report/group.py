"""One policy group's share of the end of a batch: outcomes, anomalies, the summary record and its events.

The order of the events is binding; BatchReporter calls the three parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from esper.telemetry.events import (
    AnomalyDetected,
    BatchEpochCompleted,
    BatchStats,
    EpisodeOutcome,
    Payload,
    PPOMetrics,
    PPOUpdateCompleted,
    RewardSummary,
    Severity,
)
from esper.telemetry.hub import Hub
from esper.training.anomalies.critic import CriticWatch
from esper.training.anomalies.detect import update_anomalies
from esper.training.anomalies.trends import detect_trend, rolling_mean
from esper.training.anomalies.watches import AccuracyWatch
from esper.training.episode.group_rollout import GroupRollout
from esper.training.episode.world import BatchWorld
from esper.training.group import Group
from esper.training.ranks.protocol import Ranks
from esper.training.ranks.relay import EventRelay
from esper.training.report.outcomes import env_reward_summary, episode_outcome
from esper.training.report.results import GroupResults, joined_results
from esper.training.vectorized_types import BatchSummary, EpisodeRecord


class GroupReporter:
    """Reports one group's batches, and remembers the accuracies from which the rolling mean and the trend follow."""

    def __init__(self, group: Group, *, hub: Hub, relay: EventRelay, ranks: Ranks) -> None:
        """relay: for what each rank reports about its own envs."""
        self._group = group
        self._config = group.config
        self._hub = hub
        self._relay = relay
        self._ranks = ranks
        self._accuracies: list[float] = []
        self._watch = AccuracyWatch(group.config.run)
        self._critic = CriticWatch(batches=group.config.run.rounds)

    def recall(self, earlier: Sequence[BatchSummary]) -> None:
        """Remember the accuracies of the group's earlier batches, in order."""
        own = [summary for summary in earlier if summary.group_id == self._group.group_id]
        self._accuracies = [summary.avg_accuracy for summary in own]
        for summary in own:
            if summary.ppo_metrics is not None:
                self._critic.remember(summary.ppo_metrics)
            self._watch.remember({record.env_id: record.final_accuracy for record in summary.episode_history})

    def results(
        self, world: BatchWorld, rollout: GroupRollout, metrics: PPOMetrics | None
    ) -> tuple[BatchSummary, GroupResults]:
        """Emit outcomes, anomalies, the update and the batch's figures.

        The summary that is returned has no timings yet.
        """
        batch = world.batch
        own = GroupResults(
            outcomes=self._emit_outcomes(world, rollout),
            reward_sums=tuple(episode.reward_sums for episode in rollout.episodes),
            tallies=rollout.tallies,
        )
        results = joined_results(self._ranks.gather(own))
        outcomes = results.outcomes
        self._accuracies.append(float(np.mean([outcome.final_accuracy for outcome in outcomes])))
        self._emit_anomalies(batch, outcomes, metrics)
        if metrics is not None:
            self._emit(_update_payload(metrics, batch))
        self._emit(self._batch_stats(batch, results, metrics))
        trend = detect_trend(self._accuracies, batch, self._config.run, world.random_guess_loss)
        if trend is not None:
            self._emit(trend.event, trend.severity)
        return self._summary(batch, results, metrics), results

    def rewards_and_masks(self, batch: int, results: GroupResults) -> None:
        """Emit what the batch earned, and what the masks left open."""
        self._emit(
            RewardSummary(
                batch=batch,
                envs=tuple(
                    env_reward_summary(outcome.env_id, sums)
                    for outcome, sums in zip(results.outcomes, results.reward_sums, strict=True)
                ),
                mean_terms=results.tallies.mean_reward_terms(),
            )
        )
        self._emit(results.tallies.mask_hit_rates(batch))

    def barrier(self, summary: BatchSummary, results: GroupResults) -> None:
        """Say that the batch is complete, then how often each op was chosen."""
        self._emit(
            BatchEpochCompleted(
                batch=summary.batch,
                max_batches=self._config.run.rounds,
                episodes_completed=summary.episodes,
                n_envs=len(summary.episode_history),
                avg_accuracy=summary.avg_accuracy,
                rolling_avg_accuracy=summary.rolling_avg_accuracy,
                avg_reward=summary.avg_reward,
                env_accuracies=tuple(record.final_accuracy for record in summary.episode_history),
            )
        )
        self._emit(results.tallies.action_distribution(summary.batch))

    def _emit(self, payload: Payload, severity: Severity = Severity.INFO) -> None:
        self._hub.emit(payload, severity=severity, group_id=self._group.group_id)

    def _emit_outcomes(self, world: BatchWorld, rollout: GroupRollout) -> tuple[EpisodeOutcome, ...]:
        """One outcome for each env of this rank, including those that were rolled back."""
        first = (world.batch - 1) * len(self._group.env_ids) - self._group.env_ids.start
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
            self._relay.target.emit(outcome, group_id=self._group.group_id)
            outcomes.append(outcome)
        self._relay.deliver()
        return tuple(outcomes)

    def _emit_anomalies(self, batch: int, outcomes: tuple[EpisodeOutcome, ...], metrics: PPOMetrics | None) -> None:
        found: tuple[AnomalyDetected, ...] = ()
        if metrics is not None:
            found = (*update_anomalies(metrics, batch, self._config), *self._critic.after_update(batch, metrics))
        accuracies = {outcome.env_id: outcome.final_accuracy for outcome in outcomes}
        for anomaly in (*found, *self._watch.after_batch(batch, accuracies)):
            self._emit(anomaly, anomaly.severity)

    def _batch_stats(self, batch: int, results: GroupResults, metrics: PPOMetrics | None) -> BatchStats:
        outcomes, tallies = results.outcomes, results.tallies
        returns = [outcome.episode_reward for outcome in outcomes]
        low, high = np.percentile(returns, [10, 90])
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
            entropy=None if metrics is None else metrics.entropy,
            kl_divergence=None if metrics is None else metrics.kl_divergence,
            explained_variance=None if metrics is None else metrics.explained_variance,
            seeds_created=tallies.germinated,
            seeds_fossilized=tallies.fossilized,
            seeds_pruned=tallies.pruned,
            rollbacks=tallies.rollbacks,
            skipped_update=metrics is not None and metrics.skipped,
        )

    def _summary(self, batch: int, results: GroupResults, metrics: PPOMetrics | None) -> BatchSummary:
        outcomes = results.outcomes
        return BatchSummary(
            batch=batch,
            episodes=batch * len(outcomes),
            avg_accuracy=self._accuracies[-1],
            rolling_avg_accuracy=self._rolling(),
            avg_test_accuracy=_mean_test_accuracy(outcomes),
            avg_reward=float(np.mean([outcome.episode_reward for outcome in outcomes])),
            ppo_metrics=metrics,
            reward_summary=results.reward_sums,
            episode_history=tuple(EpisodeRecord.of(outcome) for outcome in outcomes),
            timings=None,
            group_id=self._group.group_id,
        )

    def _rolling(self) -> float:
        return rolling_mean(self._accuracies, self._config.run.rolling_window)


def _mean_test_accuracy(outcomes: tuple[EpisodeOutcome, ...]) -> float | None:
    known = [outcome.test_accuracy for outcome in outcomes if outcome.test_accuracy is not None]
    return float(np.mean(known)) if known else None


def _update_payload(metrics: PPOMetrics, batch: int) -> PPOUpdateCompleted:
    """The record of the update as an event, which has the same fields and the batch."""
    return PPOUpdateCompleted(batch=batch, **{item.name: getattr(metrics, item.name) for item in fields(metrics)})
