from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper.evaluation.statistics import paired_difference, spread


def test_spread_is_the_sample_deviation() -> None:
    found = spread([2.0, 4.0, 6.0])
    assert (found.mean, found.std) == (4.0, 2.0)
    assert spread([3.0]).std is None


def test_a_constant_difference_has_an_interval_of_no_width() -> None:
    found = paired_difference([10.0, 30.0, 20.0], [7.0, 27.0, 17.0])
    assert (found.mean, found.low, found.high, found.pairs) == (3.0, 3.0, 3.0, 3)


def test_one_pair_has_no_interval() -> None:
    found = paired_difference([10.0], [7.0])
    assert (found.mean, found.low, found.high) == (3.0, None, None)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12))
def test_the_interval_holds_the_mean_and_lies_within_the_differences(differences: list[float]) -> None:
    found = paired_difference(differences, [0.0] * len(differences))
    assert found.low is not None
    assert found.high is not None
    slack = 1e-9 * 50
    assert min(differences) - slack <= found.low <= found.mean + slack
    assert found.mean - slack <= found.high <= max(differences) + slack
    assert found == paired_difference(differences, [0.0] * len(differences))


def test_pairing_takes_out_what_pairs_have_in_common() -> None:
    generator = np.random.default_rng(1)
    luck, gain = generator.normal(0, 20, 40), generator.normal(1, 0.5, 40)
    paired = paired_difference(list(luck + gain), list(luck))
    assert paired.low is not None
    assert 0.7 < paired.low < 1.0 < (paired.high or 0) < 1.4


def test_the_interval_is_that_of_the_central_limit() -> None:
    values = np.random.default_rng(2).normal(3.0, 4.0, 200)
    found = paired_difference(list(values), [0.0] * 200)
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    assert found.low == pytest.approx(values.mean() - half, abs=0.05)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05)
