"""The history of a run, made anew from its events: every figure of a summary stands in the log, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields

from esper.history.records import HistoryLine
from esper.telemetry.events import (
    BatchEpochCompleted,
    BatchStats,
    EnvRewardSummary,
    EpisodeOutcome,
    Event,
    PPOMetrics,
    PPOUpdateCompleted,
    RewardSummary,
    Throughput,
)
from esper.training.vectorized_types import BatchSummary, BatchTimings, EpisodeRecord, RewardSummaryAccumulator


@dataclass(slots=True, kw_only=True)
class _Round:
    """What is known of one group's round so far."""

    stats: BatchStats | None = None
    metrics: PPOMetrics | None = None
    rewards: tuple[EnvRewardSummary, ...] = ()
    outcomes: list[EpisodeOutcome] = field(default_factory=list[EpisodeOutcome])


def rebuilt_history(events: Iterable[Event]) -> Iterator[HistoryLine]:
    """The lines of history.jsonl that belong to a log: one per group and round whose end is in it.

    The rounds of each group follow each other without a gap from the first on, as in every history.
    """
    rounds: dict[str, _Round] = {}
    completed: dict[str, int] = {}
    speed: Throughput | None = None
    summarised_at = 0
    for event in events:
        if isinstance(event.payload, Throughput):  # The trainer writes the summaries just before this event.
            speed, summarised_at = event.payload, event.seq - 1
        elif not isinstance(event.payload, BatchEpochCompleted):
            _take_in(rounds.setdefault(event.group_id, _Round()), event)
        else:
            done, batch = rounds.pop(event.group_id, _Round()), event.payload.batch
            if done.stats is None or batch != completed.get(event.group_id, 0) + 1:
                continue
            completed[event.group_id] = batch
            timed = speed is not None and speed.batch == batch
            summary = _summary(done, done.stats, event.group_id, _timings(speed) if timed and speed else None)
            yield HistoryLine(seq=summarised_at if timed else event.seq - 1, summary=summary)


def _take_in(current: _Round, event: Event) -> None:
    match event.payload:
        case EpisodeOutcome() as outcome:
            current.outcomes.append(outcome)
        case PPOUpdateCompleted() as update:
            values = {item.name: getattr(update, item.name) for item in fields(PPOMetrics)}
            current.metrics = PPOMetrics(**values)
        case BatchStats() as stats:
            current.stats = stats
        case RewardSummary() as rewards:
            current.rewards = rewards.envs
        case _:
            pass


def _summary(done: _Round, stats: BatchStats, group_id: str, timings: BatchTimings | None) -> BatchSummary:
    return BatchSummary(
        batch=stats.batch,
        episodes=stats.episodes_completed,
        avg_accuracy=stats.avg_accuracy,
        rolling_avg_accuracy=stats.rolling_avg_accuracy,
        avg_test_accuracy=stats.avg_test_accuracy,
        avg_reward=stats.avg_return,
        ppo_metrics=done.metrics,
        reward_summary=tuple(map(_sums, done.rewards)),
        episode_history=tuple(map(EpisodeRecord.of, done.outcomes)),
        timings=timings,
        group_id=group_id,
    )


def _sums(env: EnvRewardSummary) -> RewardSummaryAccumulator:
    return RewardSummaryAccumulator(
        bounded_attribution=env.bounded_attribution,
        compute_rent=env.compute_rent,
        alpha_shock=env.alpha_shock,
        hindsight_credit=env.hindsight_credit,
        total_reward=env.total_reward,
        count=env.steps,
        scaffold_count=env.scaffold_count,
        scaffold_delay_total=env.scaffold_delay_total,
    )


def _timings(speed: Throughput) -> BatchTimings:
    return BatchTimings(
        wall_seconds=speed.wall_ms / 1e3,
        env_epochs_per_second=speed.env_epochs_per_second,
        phases=speed.phases,
    )
