"""The figures of a round under the names that CleanRL gave them, so that runs of both can be compared in one chart.

What CleanRL does not have keeps its section (charts, losses) or has one of its own (seeds). The step is the round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from esper.telemetry.events import DEFAULT_GROUP, BatchStats, Event, PPOUpdateCompleted, Throughput


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Some figures of one round, by name. What was not measured is left out.

    batch: the round, counted from 1.
    time: seconds since the Unix epoch.
    """

    batch: int
    time: float
    values: Mapping[str, float]


def figures_of(event: Event) -> Figures | None:
    """The figures that an event holds; None for an event that holds none.

    In a run with several policy groups, the names begin with the group's.
    """
    match event.payload:
        case BatchStats() as stats:
            batch, named = stats.batch, _of_round(stats)
        case PPOUpdateCompleted() as update:
            batch, named = update.batch, _of_update(update)
        case Throughput() as speed:
            batch, named = speed.batch, {"charts/SPS": speed.env_epochs_per_second}
        case _:
            return None
    prefix = "" if event.group_id == DEFAULT_GROUP else f"{event.group_id}/"
    measured = {prefix + name: float(value) for name, value in named.items() if value is not None}
    return Figures(batch=batch, time=event.time, values=measured)


def _of_round(stats: BatchStats) -> dict[str, float | None]:
    return {
        "charts/episodic_return": stats.avg_return,
        "charts/accuracy": stats.avg_accuracy,
        "charts/rolling_accuracy": stats.rolling_avg_accuracy,
        "charts/best_accuracy": stats.best_accuracy,
        "charts/test_accuracy": stats.avg_test_accuracy,
        "charts/rollbacks": stats.rollbacks,
        "seeds/germinated": stats.seeds_created,
        "seeds/fossilized": stats.seeds_fossilized,
        "seeds/pruned": stats.seeds_pruned,
    }


def _of_update(update: PPOUpdateCompleted) -> dict[str, float | None]:
    return {
        "charts/learning_rate": update.learning_rate,
        "losses/value_loss": update.value_loss,
        "losses/policy_loss": update.policy_loss,
        "losses/entropy": update.entropy,
        "losses/approx_kl": update.kl_divergence,
        "losses/clipfrac": update.clip_fraction,
        "losses/explained_variance": update.explained_variance,
        "losses/total_loss": update.total_loss,
        "losses/gradient_norm": update.gradient_norm,
    }
