from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper.evaluation.statistics import estimate, interquartile_mean, paired_difference, spread


def test_spread_is_the_sample_deviation() -> None:
    found = spread([2.0, 4.0, 6.0])
    assert (found.mean, found.std) == (4.0, 2.0)
    assert spread([3.0]).std is None


def test_a_constant_difference_has_an_interval_of_no_width() -> None:
    found = paired_difference([[10.0, 30.0], [20.0, 40.0]], [[7.0, 27.0], [17.0, 37.0]])
    assert (found.mean, found.low, found.high, found.pairs, found.seeds) == (3.0, 3.0, 3.0, 4, 2)


def test_one_seed_has_no_interval_however_many_its_episodes() -> None:
    found = paired_difference([[10.0, 20.0, 30.0]], [[7.0, 7.0, 7.0]])
    assert (found.mean, found.low, found.high) == (13.0, None, None)


def test_episodes_of_one_seed_do_not_count_as_independent() -> None:
    """Repeating every episode of a seed adds no knowledge, so the interval stays as it is."""
    once, often = estimate([[1.0], [2.0], [4.0]]), estimate([[1.0] * 50, [2.0] * 50, [4.0] * 50])
    assert (once.low, once.high) == pytest.approx((often.low, often.high))


def test_pairing_takes_out_what_pairs_have_in_common() -> None:
    generator = np.random.default_rng(1)
    luck, gain = generator.normal(0, 20, (10, 4)), generator.normal(1, 0.5, (10, 4))
    paired = paired_difference((luck + gain).tolist(), luck.tolist())
    assert paired.low is not None
    assert 0.6 < paired.low < 1.0 < (paired.high or 0) < 1.4


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_interquartile_mean_lies_within_and_ignores_order(values: list[float]) -> None:
    found = interquartile_mean(values)
    assert min(values) - 1e-6 <= found <= max(values) + 1e-6
    assert found == pytest.approx(interquartile_mean(values[::-1]), abs=1e-6)


def test_the_interquartile_mean_of_known_values() -> None:
    assert interquartile_mean([0.0, 1.0, 2.0, 99.0]) == 1.5
    assert interquartile_mean([5.0]) == 5.0
    assert interquartile_mean([0.0, 10.0, 20.0]) == pytest.approx(10.0)
    assert interquartile_mean(list(range(100))) == pytest.approx(49.5)
