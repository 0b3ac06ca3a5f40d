"""How a run of the original began, and what its rounds came to."""

from __future__ import annotations

from typing import Final

import numpy as np

from esper.history.legacy.book import ORIGINAL, Book, Decisions
from esper.history.legacy.fields import Fields, KeptAsideError
from esper.history.legacy.lines import LegacyLine
from esper.telemetry.events import (
    ActionDistribution,
    BatchEpochCompleted,
    BatchStats,
    OpCount,
    TrainingStarted,
    Trend,
    TrendDetected,
)


def training_started(line: LegacyLine, book: Book) -> TrainingStarted:
    """The start of the run, or of one more group of it."""
    data = line.data
    n_envs = data.count("n_envs")
    started = TrainingStarted(
        run_id=data.maybe_text("episode_id") or ORIGINAL,
        package_version=ORIGINAL,
        preset=ORIGINAL,
        task=data.text("task"),
        host_params=data.count("host_params"),
        slot_ids=data.some_texts("slot_ids"),
        n_envs=n_envs,
        max_epochs=data.count("max_epochs"),
        max_batches=data.count("max_batches"),
        start_batch=(data.maybe_integer("start_episode") or 0) // n_envs + 1,
        steps_per_epoch=None,
        num_classes=None,
        seed=data.integer("seed"),
        device=data.text("policy_device"),
        threads=None,
        reward_mode=data.text("reward_mode"),
        reward_family=None,
        learning_rate=data.number("lr"),
        clip_ratio=data.number("clip_ratio"),
        entropy_coef=data.number("entropy_coef"),
        conv_algorithm=None,
    )
    return book.begin_group(line.group_id, started)


def batch_stats(line: LegacyLine, book: Book) -> BatchStats:
    """The figures of a round. Those of its episodes are gathered from their outcomes."""
    data, group = line.data, book.group(line.group_id)
    if not group.outcomes:
        raise KeptAsideError("no episode of its round has an outcome")
    returns = [outcome.episode_reward for outcome in group.outcomes]
    with np.errstate(invalid="ignore"):  # a file may hold returns that are no numbers
        low, high = np.percentile(returns, [10, 90])
    return BatchStats(
        batch=data.integer("batch"),
        episodes_completed=data.integer("episodes_completed"),
        avg_accuracy=data.number("host_accuracy"),
        rolling_avg_accuracy=data.number("accuracy"),
        best_accuracy=max(outcome.best_accuracy for outcome in group.outcomes),
        avg_test_accuracy=None,
        avg_return=float(np.mean(returns)),
        return_p10=float(low),
        return_p90=float(high),
        entropy=data.maybe_number("entropy"),
        kl_divergence=data.maybe_number("kl_divergence"),
        explained_variance=data.maybe_number("value_variance"),
        seeds_created=data.integer("seeds_created"),
        seeds_fossilized=data.integer("seeds_fossilized"),
        seeds_pruned=group.pruned,
        rollbacks=group.rollbacks,
        skipped_update=data.maybe_flag("skipped_update") or False,
    )


def batch_epoch_completed(line: LegacyLine, book: Book) -> BatchEpochCompleted:
    """The end of a round; the next one begins."""
    data, group = line.data, book.group(line.group_id)
    batch = data.integer("batch_idx")
    group.begin_round(batch + 1)
    return BatchEpochCompleted(
        batch=batch,
        max_batches=group.started.max_batches,
        episodes_completed=data.integer("episodes_completed"),
        n_envs=data.integer("n_envs"),
        avg_accuracy=data.number("avg_accuracy"),
        rolling_avg_accuracy=data.number("rolling_accuracy"),
        avg_reward=data.number("avg_reward"),
        env_accuracies=data.numbers("env_accuracies"),
    )


def action_distribution(line: LegacyLine, book: Book) -> ActionDistribution:
    """How often each op was chosen in the round that has just ended."""
    group, counts = book.group(line.group_id), line.data.table("action_counts")
    ops = tuple(_op_count(op, counts, group.last_decisions) for op in counts.names())
    return ActionDistribution(batch=group.batch - 1, ops=ops)


def _op_count(op: str, counts: Fields, recorded: Decisions) -> OpCount:
    """How often the op worked is known if every decision for it was recorded."""
    chosen = counts.integer(op)
    succeeded = recorded.succeeded[op] if recorded.chosen[op] == chosen else None
    return OpCount(op=op, chosen=chosen, succeeded=succeeded)


_TRENDS: Final = {
    "PLATEAU_DETECTED": Trend.PLATEAU,
    "DEGRADATION_DETECTED": Trend.DEGRADATION,
    "IMPROVEMENT_DETECTED": Trend.IMPROVEMENT,
}


def trend_detected(line: LegacyLine, _: Book) -> TrendDetected:
    """The three trends of the original are one kind of event today."""
    data = line.data
    return TrendDetected(
        trend=_TRENDS[line.label],
        batch=data.integer("batch_idx"),
        rolling_delta=data.number("rolling_delta"),
        rolling_accuracy=data.number("rolling_avg_accuracy"),
        previous_rolling_accuracy=data.number("prev_rolling_avg_accuracy"),
    )
