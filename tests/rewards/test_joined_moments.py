"""The moments of rewards that several processes earned are those of all rewards together."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper.rewards.normalizer import RewardNormalizerState

rewards = st.lists(st.floats(-1e3, 1e3), max_size=20)


def moments(values: list[float]) -> RewardNormalizerState:
    return reduce(RewardNormalizerState.including, values, RewardNormalizerState())


@given(st.lists(rewards, min_size=1, max_size=5))
def test_parts_join_to_the_whole(parts: list[list[float]]) -> None:
    joined = reduce(RewardNormalizerState.joined, map(moments, parts))
    whole = moments([value for part in parts for value in part])
    assert joined.count == whole.count
    assert joined.mean == pytest.approx(whole.mean, abs=1e-9)
    assert joined.m2 == pytest.approx(whole.m2, rel=1e-9, abs=1e-6)


@given(rewards)
def test_what_nobody_earned_changes_nothing(values: list[float]) -> None:
    empty = RewardNormalizerState()
    assert moments(values).joined(empty) == moments(values)
    assert empty.joined(moments(values)) == moments(values)
