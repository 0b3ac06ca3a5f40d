"""The scale of rewards: each is divided by the standard deviation of all rewards of the earlier rollouts.

PPO's value loss thus keeps its size. Rewards are not centred, so each keeps its sign. The scale does not change while a
rollout is collected, so equal rewards are paid equally, whenever they are earned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_MIN_SAMPLES: Final = 2
_MIN_STD: Final = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardNormalizerState:
    """Welford's running moments.

    m2: the sum of squared deviations from the mean.
    """

    mean: float = 0.0
    m2: float = 0.0
    count: int = 0

    def including(self, value: float) -> RewardNormalizerState:
        """The moments after one more value."""
        count = self.count + 1
        delta = value - self.mean
        mean = self.mean + delta / count
        return RewardNormalizerState(mean=mean, m2=self.m2 + delta * (value - mean), count=count)

    def joined(self, other: RewardNormalizerState) -> RewardNormalizerState:
        """The moments of both sets of values together (Chan et al. 1979)."""
        count = self.count + other.count
        if not other.count or not self.count:
            return self if self.count else other
        delta, share = other.mean - self.mean, other.count / count
        return RewardNormalizerState(
            mean=self.mean + delta * share, m2=self.m2 + other.m2 + delta * delta * self.count * share, count=count
        )

    @property
    def std(self) -> float | None:
        """The sample standard deviation, or None while there are fewer than two values or no spread yet."""
        if self.count < _MIN_SAMPLES:
            return None
        std = math.sqrt(self.m2 / (self.count - 1))
        return std if std > _MIN_STD else None


class RewardNormalizer:
    """Scales the rewards of all envs of a group. state goes into checkpoints and can be set between two rollouts."""

    __slots__ = ("_clip", "_scale", "state")

    def __init__(self, *, clip: float, state: RewardNormalizerState | None = None) -> None:
        self._clip = clip
        self.state = RewardNormalizerState() if state is None else state
        self._scale: float | None = None
        self.begin_rollout()

    def begin_rollout(self) -> None:
        """Fix the scale of the coming rollout from all rewards that were earned before it."""
        self._scale = self.state.std

    @property
    def scale(self) -> float:
        """The number by which rewards of this rollout are divided; 1 while no spread is known."""
        return 1.0 if self._scale is None else self._scale

    def normalize(self, reward: float) -> float:
        """Add a finite raw reward to the moments of later rollouts, and return it scaled."""
        assert math.isfinite(reward), "a reward must be finite"
        self.state = self.state.including(reward)
        return self.scaled(reward)

    def scaled(self, reward: float) -> float:
        """Reward / scale.

        The result is clipped to +-clip, unless the scale is not known yet, because the size of a reward then says
        nothing.
        """
        return reward if self._scale is None else self.clip_only(reward / self._scale)

    def clip_only(self, reward: float) -> float:
        """The reward, clipped only: it is neither divided nor added to the moments.

        This is for penalties, whose size must not depend on the rewards around them.
        """
        return min(max(reward, -self._clip), self._clip)
