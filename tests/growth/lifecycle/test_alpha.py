"""Alpha ramps: known values, end points, monotony."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper.contracts.actions import AlphaCurve, AlphaMode
from esper.growth.lifecycle.alpha import AlphaState, advance_alpha, curve_progress, retarget

curves = st.sampled_from(list(AlphaCurve))
levels = st.floats(min_value=0.0, max_value=1.0)


def ramp(start: float, target: float, steps: int, curve: AlphaCurve = AlphaCurve.LINEAR, k: float = 12.0) -> AlphaState:
    return retarget(AlphaState.resting(start), target=target, steps=steps, curve=curve, steepness=k)


def logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


@pytest.mark.parametrize("t", [0.0, 0.1, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("k", [6.0, 12.0, 24.0])
def test_sigmoid_is_the_normalised_logistic(t: float, k: float) -> None:
    low, high = logistic(-k / 2), logistic(k / 2)
    expected = (logistic(k * (t - 0.5)) - low) / (high - low)
    assert curve_progress(AlphaCurve.SIGMOID, t, k) == pytest.approx(expected, abs=1e-12)


def test_linear_and_cosine_known_values() -> None:
    assert curve_progress(AlphaCurve.LINEAR, 0.3, 12.0) == 0.3
    assert curve_progress(AlphaCurve.COSINE, 1 / 3, 12.0) == pytest.approx(0.25)


def test_steepness_changes_the_sigmoid_and_is_floored() -> None:
    gentle = curve_progress(AlphaCurve.SIGMOID, 0.25, 6.0)
    sharp = curve_progress(AlphaCurve.SIGMOID, 0.25, 24.0)
    assert sharp < gentle < 0.25
    assert curve_progress(AlphaCurve.SIGMOID, 0.25, 0.0) == curve_progress(AlphaCurve.SIGMOID, 0.25, 0.1)


def test_linear_ramp_takes_equal_steps_and_lands_on_target() -> None:
    state = ramp(0.0, 1.0, 4)
    assert state.mode is AlphaMode.UP
    values: list[float] = []
    for _ in range(4):
        state = advance_alpha(state)
        values.append(state.value)
        assert state.velocity == pytest.approx(0.25)
    assert values == [0.25, 0.5, 0.75, 1.0]
    assert state.mode is AlphaMode.HOLD
    assert state.steps_done == state.steps_total == 4


def test_at_rest_nothing_moves_and_velocity_is_forgotten() -> None:
    state = advance_alpha(ramp(0.0, 0.5, 1))
    assert state.velocity == 0.5
    rested = advance_alpha(state)
    assert (rested.value, rested.velocity) == (0.5, 0.0)
    assert advance_alpha(rested) is rested


def test_zero_steps_snap() -> None:
    state = ramp(0.2, 0.7, 0)
    assert state.value == 0.7
    assert state.mode is AlphaMode.HOLD


def test_retarget_on_a_ramp_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="ramp"):
        retarget(ramp(0.0, 1.0, 5), target=0.5, steps=3, curve=AlphaCurve.LINEAR, steepness=12.0)


@given(start=levels, target=levels, steps=st.integers(0, 12), curve=curves, k=st.floats(0.0, 40.0))
def test_every_ramp_is_monotone_and_ends_exactly_on_time(
    start: float, target: float, steps: int, curve: AlphaCurve, k: float
) -> None:
    state = ramp(start, target, steps, curve, k)
    rising = target > start
    for _ in range(steps):
        following = advance_alpha(state)
        moved = following.value - state.value
        assert moved >= 0.0 if rising else moved <= 0.0
        assert min(start, target) <= following.value <= max(start, target)
        state = following
    assert state.value == target
    assert state.mode is AlphaMode.HOLD
