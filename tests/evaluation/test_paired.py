from __future__ import annotations

import statistics
from collections.abc import Sequence

import pytest

from esper.errors import ConfigError
from esper.evaluation.measures import MEASURES
from esper.evaluation.paired import PairedDifference, PairedSummary, Scope, compare
from esper.evaluation.statistics import Spread
from esper.telemetry.events import EpisodeOutcome, OutcomeType
from esper.training.vectorized_types import BatchSummary, EpisodeRecord


def record(env_id: int, accuracy: float, test_accuracy: float | None = 50.0, fossilized: int = 0) -> EpisodeRecord:
    outcome = EpisodeOutcome(
        env_id=env_id,
        batch=1,
        episode=0,
        episode_length=4,
        outcome=OutcomeType.TIMEOUT,
        final_accuracy=accuracy,
        test_accuracy=test_accuracy,
        best_accuracy=accuracy,
        episode_reward=accuracy / 10,
        stability=1.0,
        host_params=100,
        total_params=100 + int(accuracy),
        param_ratio=1.0,
        num_fossilized=fossilized,
        num_contributing_fossilized=0,
        germinations=5,
        prunes=3,
        reward_mode="shaped",
    )
    return EpisodeRecord(
        env_id=env_id,
        episode=0,
        episode_reward=outcome.episode_reward,
        final_accuracy=accuracy,
        test_accuracy=test_accuracy,
        total_params=outcome.total_params,
        outcome=outcome,
    )


def summary(group_id: str, batch: int, episodes: Sequence[EpisodeRecord]) -> BatchSummary:
    return BatchSummary(
        batch=batch,
        episodes=batch * len(episodes),
        avg_accuracy=0.0,
        rolling_avg_accuracy=0.0,
        avg_test_accuracy=None,
        avg_reward=0.0,
        ppo_metrics=None,
        reward_summary=(),
        episode_history=tuple(episodes),
        timings=None,
        group_id=group_id,
    )


def history(*rounds: tuple[Sequence[float], Sequence[float]]) -> list[BatchSummary]:
    """Per round the accuracies of A's envs (0, 1 ...) and of B's."""
    found: list[BatchSummary] = []
    for batch, (first, second) in enumerate(rounds, start=1):
        found.append(summary("A", batch, [record(env, value) for env, value in enumerate(first)]))
        found.append(summary("B", batch, [record(len(first) + env, value) for env, value in enumerate(second)]))
    return found


def row(found: PairedSummary | None, name: str, scope: Scope) -> PairedDifference:
    assert found is not None
    (chosen,) = (item for item in found.rows if item.measure.name == name and item.scope is scope)
    return chosen


TWO_ROUNDS = history(([10.0, 20.0, 60.0], [10.0, 25.0, 70.0]), ([30.0, 40.0, 50.0], [33.0, 40.0, 56.0]))


def test_the_last_round_and_the_mean_over_rounds_are_paired_env_by_env() -> None:
    found = compare(TWO_ROUNDS, ("A", "B"))
    last = row(found, "validation_accuracy", Scope.LAST_ROUND)
    assert last.first == Spread(mean=40.0, std=statistics.stdev([30.0, 40.0, 50.0]))
    assert last.second == Spread(mean=43.0, std=pytest.approx(statistics.stdev([33.0, 40.0, 56.0])))
    assert last.difference == pytest.approx(3.0)
    whole = row(found, "validation_accuracy", Scope.ALL_ROUNDS)
    assert whole.first is not None
    assert whole.first.mean == pytest.approx(35.0)
    # Differences of the env means: 1.5, 2.5 and 8; unpaired they would spread as wide as the hosts do.
    assert whole.difference == pytest.approx(4.0)
    assert whole.interval is not None
    half = 4.30265 * statistics.stdev([1.5, 2.5, 8.0]) / 3**0.5  # Student's t, two degrees of freedom
    assert (whole.interval.low, whole.interval.high) == pytest.approx((4.0 - half, 4.0 + half), abs=1e-3)
    assert found is not None
    assert (found.rounds, found.envs) == (2, 3)
    assert len(found.rows) == len(MEASURES) * len(Scope)


def test_every_measure_reads_its_own_figure() -> None:
    first = summary("A", 1, [record(0, 40.0, 41.0, fossilized=2)])
    found = compare([first, summary("B", 1, [record(1, 40.0, 45.0)])], ("A", "B"))
    means = {
        item.measure.name: (item.first.mean, item.difference)
        for item in (found.rows if found else ())
        if item.first is not None and item.scope is Scope.LAST_ROUND
    }
    assert means == {
        "validation_accuracy": (40.0, 0.0),
        "test_accuracy": (41.0, 4.0),
        "reward": (4.0, 0.0),
        "parameters": (140.0, 0.0),
        "fossilized_seeds": (2.0, -2.0),
        "pruned_seeds": (3.0, 0.0),
    }


def test_swapping_the_groups_turns_every_difference_round() -> None:
    one, other = compare(TWO_ROUNDS, ("A", "B")), compare(TWO_ROUNDS, ("B", "A"))
    assert one is not None
    assert other is not None
    for mine, theirs in zip(one.rows, other.rows, strict=True):
        assert mine.difference == pytest.approx(-(theirs.difference or 0.0))
        assert (mine.first, mine.second) == (theirs.second, theirs.first)


def test_what_was_not_measured_is_left_out_and_never_zero() -> None:
    first = [record(0, 10.0, None), record(1, 20.0, 20.0)]
    second = [record(2, 10.0, 70.0), record(3, 20.0, 25.0)]
    found = compare([summary("A", 1, first), summary("B", 1, second)], ("A", "B"))
    one = row(found, "test_accuracy", Scope.LAST_ROUND)
    assert (one.pairs, one.difference, one.interval) == (1, 5.0, None)
    assert one.first == Spread(mean=20.0, std=None)
    nothing = compare([summary("A", 1, first[:1]), summary("B", 1, second[:1])], ("A", "B"))
    none = row(nothing, "test_accuracy", Scope.ALL_ROUNDS)
    assert (none.pairs, none.first, none.second, none.difference, none.interval) == (0, None, None, None, None)


def test_without_a_round_there_is_nothing_and_a_missing_group_is_said() -> None:
    assert compare([], ("A", "B")) is None
    with pytest.raises(ConfigError, match="does not hold every round of group C"):
        compare(TWO_ROUNDS, ("A", "C"))
