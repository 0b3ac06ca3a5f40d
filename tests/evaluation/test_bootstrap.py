from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.evaluation.bootstrap import Interval, bootstrap_interval

DIFFERENCES = st.lists(st.floats(-100, 100), min_size=2, max_size=12)


@settings(max_examples=30, deadline=None)
@given(differences=DIFFERENCES, seed=st.integers(0, 2**62))
def test_the_interval_lies_among_the_differences_and_follows_from_the_seed(differences: list[float], seed: int) -> None:
    interval = bootstrap_interval(differences, seed)
    assert interval is not None
    slack = 1e-9 * (1 + max(map(abs, differences)))
    assert min(differences) - slack <= interval.low <= interval.high <= max(differences) + slack
    assert interval == bootstrap_interval(differences, seed)


@settings(max_examples=20, deadline=None)
@given(differences=DIFFERENCES, shift=st.integers(-50, 50))
def test_moving_every_difference_moves_the_interval(differences: list[float], shift: int) -> None:
    plain, moved = bootstrap_interval(differences, 1), bootstrap_interval([d + shift for d in differences], 1)
    assert plain is not None
    assert moved is not None
    assert (moved.low, moved.high) == pytest.approx((plain.low + shift, plain.high + shift), abs=1e-6)


def test_on_many_normal_differences_it_agrees_with_the_textbook() -> None:
    values = np.random.default_rng(3).normal(2.0, 5.0, size=200).tolist()
    interval = bootstrap_interval(values, 7)
    assert interval is not None
    half = 1.96 * statistics.stdev(values) / 200**0.5
    mean = statistics.mean(values)
    assert (interval.low, interval.high) == pytest.approx((mean - half, mean + half), abs=0.1)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    """Percentile intervals of 20 pairs are a little too short: they cover about 92 of 100 times."""
    draws = np.random.default_rng(5).normal(1.0, 3.0, size=(100, 20))
    intervals = [bootstrap_interval(row.tolist(), 11) for row in draws]
    covered = sum(one is not None and one.low <= 1.0 <= one.high for one in intervals)
    assert 85 <= covered <= 99


@pytest.mark.parametrize("differences", [[], [3.0]])
def test_one_pair_tells_nothing_about_the_spread(differences: list[float]) -> None:
    assert bootstrap_interval(differences, 1) is None


def test_equal_differences_leave_no_doubt() -> None:
    assert bootstrap_interval([2.5] * 4, 1) == Interval(low=2.5, high=2.5)
    assert Interval(low=2.5, high=2.5).excludes_zero
    assert not Interval(low=0.0, high=0.0).excludes_zero
    assert not Interval(low=-1.0, high=1.0).excludes_zero
    assert Interval(low=-2.0, high=-1.0).excludes_zero
