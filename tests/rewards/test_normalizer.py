"""Reward scaling: known answers, sign, clip, resumption."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper.rewards.normalizer import RewardNormalizer, RewardNormalizerState


@given(st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=50))
def test_moments_equal_the_two_pass_formulas(values: list[float]) -> None:
    normalizer = RewardNormalizer(clip=10.0)
    for value in values:
        normalizer.normalize(value)
    assert normalizer.state.count == len(values)
    assert normalizer.state.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    std = normalizer.state.std
    expected = statistics.stdev(values)
    assert (0.0 if std is None else std) == pytest.approx(expected, abs=1e-6)


def test_scales_without_centring() -> None:
    normalizer = RewardNormalizer(clip=10.0)
    for value in (10.0, 14.0):
        normalizer.normalize(value)
    normalizer.begin_rollout()
    assert normalizer.scale == pytest.approx(statistics.stdev([10.0, 14.0]))
    assert normalizer.normalize(14.0) == pytest.approx(14.0 / statistics.stdev([10.0, 14.0]))


def test_equal_rewards_are_paid_equally_within_a_rollout() -> None:
    """In the study one raw 0.297 was paid as 2.27 in epoch 2 and as 0.42 in epoch 10 of the first round."""
    normalizer = RewardNormalizer(clip=10.0)
    for rollout in range(3):
        normalizer.begin_rollout()
        paid = [normalizer.normalize(value) for value in (0.297, 40.0, -3.0, 0.297, 7.0 + rollout, 0.297)]
        assert paid[0] == paid[3] == paid[5]


def test_pays_as_earned_until_there_is_a_spread() -> None:
    normalizer = RewardNormalizer(clip=10.0)
    assert normalizer.normalize(25.0) == 25.0
    assert normalizer.normalize(25.0) == 25.0
    normalizer.begin_rollout()
    assert normalizer.scale == 1.0
    assert normalizer.normalize(25.5) == 25.5
    normalizer.begin_rollout()
    assert normalizer.normalize(25.5) == 10.0, "clipped, now that the size of a reward means something"


def test_clip_is_symmetric_and_a_penalty_teaches_nothing() -> None:
    normalizer = RewardNormalizer(clip=3.0)
    for value in (0.0, 0.1, 0.2):
        normalizer.normalize(value)
    state = normalizer.state
    assert normalizer.clip_only(-10.0) == -3.0
    assert normalizer.clip_only(10.0) == 3.0
    assert normalizer.clip_only(-0.5) == -0.5, "whatever the spread of the rewards"
    assert normalizer.state == state


def test_a_resumed_normalizer_goes_on_as_if_never_stopped() -> None:
    values = [1.0, -2.0, 0.5, 3.0]
    whole = RewardNormalizer(clip=10.0)
    expected = [whole.normalize(value) for value in values[:2]]
    whole.begin_rollout()
    expected += [whole.normalize(value) for value in values[2:]]
    first = RewardNormalizer(clip=10.0)
    begun = [first.normalize(value) for value in values[:2]]
    saved = RewardNormalizerState(mean=first.state.mean, m2=first.state.m2, count=first.state.count)
    second = RewardNormalizer(clip=10.0, state=saved)
    assert begun + [second.normalize(value) for value in values[2:]] == expected
