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
    normalizer.normalize(10.0)
    assert normalizer.normalize(14.0) == pytest.approx(14.0 / statistics.stdev([10.0, 14.0]))


def test_only_clips_until_there_is_a_spread() -> None:
    normalizer = RewardNormalizer(clip=10.0)
    assert normalizer.normalize(25.0) == 10.0
    assert normalizer.normalize(25.0) == 10.0
    assert RewardNormalizer(clip=10.0).normalize(0.25) == 0.25


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
    expected = [whole.normalize(value) for value in values]
    first = RewardNormalizer(clip=10.0)
    begun = [first.normalize(value) for value in values[:2]]
    saved = RewardNormalizerState(mean=first.state.mean, m2=first.state.m2, count=first.state.count)
    second = RewardNormalizer(clip=10.0, state=saved)
    assert begun + [second.normalize(value) for value in values[2:]] == expected
