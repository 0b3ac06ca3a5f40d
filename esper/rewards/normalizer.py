"""The scale of rewards: each is divided by the running standard deviation of all rewards seen so far.

PPO's value loss thus keeps its size. Rewards are not centred, so each keeps its sign.
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

    @property
    def std(self) -> float | None:
        """The sample standard deviation, or None while there are fewer than two values or no spread yet."""
        if self.count < _MIN_SAMPLES:
            return None
        std = math.sqrt(self.m2 / (self.count - 1))
        return std if std > _MIN_STD else None


class RewardNormalizer:
    """Scales the rewards of all envs alike. state goes into checkpoints and can be restored from one."""

    __slots__ = ("_clip", "state")

    def __init__(self, *, clip: float, state: RewardNormalizerState | None = None) -> None:
        self._clip = clip
        self.state = RewardNormalizerState() if state is None else state

    def normalize(self, reward: float) -> float:
        """Add a finite raw reward to the moments, and return reward / std, clipped to +-clip.

        While std is unknown, the reward is only clipped.
        """
        assert math.isfinite(reward), "a reward must be finite"
        self.state = self.state.including(reward)
        std = self.state.std
        return self.clip_only(reward if std is None else reward / std)

    def clip_only(self, reward: float) -> float:
        """The reward, clipped only: it is neither divided nor added to the moments.

        This is for penalties, whose size must not depend on the rewards around them.
        """
        return min(max(reward, -self._clip), self._clip)
