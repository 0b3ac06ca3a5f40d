"""Alpha: how much of a seed's output enters the host, and the ramps along which it changes.

These are pure functions on a frozen state. Alpha lies between 0 and 1; the length of a ramp is counted in epochs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from esper.contracts.actions import DEFAULT_STEEPNESS, AlphaCurve, AlphaMode
from esper.contracts.constants import ALPHA_TOLERANCE

_MIN_STEEPNESS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaState:
    """Alpha and its present ramp, or the last one that it finished.

    start: alpha when the ramp began.
    steps_total, steps_done: length and progress of the ramp in epochs.
    velocity: change of alpha in the last epoch's step.
    steepness: k of the SIGMOID curve.
    """

    value: float
    target: float
    mode: AlphaMode
    curve: AlphaCurve
    steepness: float
    start: float
    steps_total: int
    steps_done: int
    velocity: float

    @classmethod
    def resting(
        cls,
        value: float = 0.0,
        *,
        curve: AlphaCurve = AlphaCurve.LINEAR,
        steepness: float = DEFAULT_STEEPNESS,
    ) -> AlphaState:
        """Alpha at rest at this value."""
        return cls(
            value=value,
            target=value,
            mode=AlphaMode.HOLD,
            curve=curve,
            steepness=steepness,
            start=value,
            steps_total=0,
            steps_done=0,
            velocity=0.0,
        )

    @property
    def at_target(self) -> bool:
        return abs(self.value - self.target) <= ALPHA_TOLERANCE


def curve_progress(curve: AlphaCurve, t: float, steepness: float) -> float:
    """The share of a ramp's distance that is covered after a share t of its time.

    It rises from 0 at t = 0 to 1 at t = 1.

    LINEAR is t. COSINE is (1 - cos(pi t)) / 2. SIGMOID is (s(k(t - 1/2)) - s(-k/2)) / (s(k/2) - s(-k/2)), where s is
    the logistic function and k the steepness, at least 0.1.

    >>> round(curve_progress(AlphaCurve.COSINE, 0.25, 12.0), 4)
    0.1464
    """
    if curve is AlphaCurve.LINEAR:
        return t
    if curve is AlphaCurve.COSINE:
        return 0.5 * (1.0 - math.cos(math.pi * t))
    # Since s(x) = (1 + tanh(x/2)) / 2, the normalised sigmoid is a ratio of hyperbolic tangents.
    k = max(steepness, _MIN_STEEPNESS)
    return 0.5 * (1.0 + math.tanh(0.5 * k * (t - 0.5)) / math.tanh(0.25 * k))


def retarget(state: AlphaState, *, target: float, steps: int, curve: AlphaCurve, steepness: float) -> AlphaState:
    """Start a ramp to target over this many epochs.

    With steps = 0, or at the target already, alpha takes the value at once.

    This is legal only while alpha rests (mode HOLD). The caller asks the predicates first.
    """
    assert state.mode is AlphaMode.HOLD, "alpha is on a ramp"
    assert 0.0 <= target <= 1.0, "alpha target must lie in 0..1"
    assert steps >= 0, "a ramp cannot take a negative time"
    snaps = steps == 0 or abs(target - state.value) <= ALPHA_TOLERANCE
    direction = AlphaMode.UP if target > state.value else AlphaMode.DOWN
    return AlphaState(
        value=target if snaps else state.value,
        target=target,
        mode=AlphaMode.HOLD if snaps else direction,
        curve=curve,
        steepness=steepness,
        start=state.value,
        steps_total=steps,
        steps_done=steps if snaps else 0,
        velocity=0.0,
    )


def advance_alpha(state: AlphaState) -> AlphaState:
    """The state after one more epoch of the ramp. The last step lands exactly on the target, where alpha then rests."""
    if state.mode is AlphaMode.HOLD:
        return state if state.velocity == 0.0 else replace(state, velocity=0.0)
    done = state.steps_done + 1
    if done >= state.steps_total:
        return replace(
            state,
            value=state.target,
            mode=AlphaMode.HOLD,
            steps_done=done,
            velocity=state.target - state.value,
        )
    progress = curve_progress(state.curve, done / state.steps_total, state.steepness)
    value = state.start + (state.target - state.start) * progress
    # Rounding must not carry alpha backwards or past its target.
    low, high = sorted((state.value, state.target))
    value = min(max(value, low), high)
    return replace(state, value=value, steps_done=done, velocity=value - state.value)
