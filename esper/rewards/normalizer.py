"""Scale of rewards: each is divided by the running standard deviation of all rewards seen, so that PPO's value loss
keeps one size. No centring: a reward keeps its sign.
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

    m2: sum of squared deviations from the mean.
    """

    mean: float = 0.0
    m2: float = 0.0
    count: int = 0

    def including(self, value: float) -> RewardNormalizerState:
        """The moments with one more value."""
        count = self.count + 1
        delta = value - self.mean
        mean = self.mean + delta / count
        return RewardNormalizerState(mean=mean, m2=self.m2 + delta * (value - mean), count=count)

    @property
    def std(self) -> float | None:
        """Sample standard deviation, or None while it is unknown: fewer than two values, or no spread yet."""
        if self.count < _MIN_SAMPLES:
            return None
        std = math.sqrt(self.m2 / (self.count - 1))
        return std if std > _MIN_STD else None


class RewardNormalizer:
    """One per run, shared by all envs. state goes into checkpoints and can be set from one."""

    __slots__ = ("_clip", "state")

    def __init__(self, *, clip: float, state: RewardNormalizerState | None = None) -> None:
        self._clip = clip
        self.state = RewardNormalizerState() if state is None else state

    def normalize(self, reward: float) -> float:
        """Take a finite raw reward into the moments, then return reward / std, clipped to +-clip.

        Only clipped while std is unknown.
        """
        assert math.isfinite(reward), "a reward must be finite"
        self.state = self.state.including(reward)
        std = self.state.std
        return self.clip_only(reward if std is None else reward / std)

    def clip_only(self, reward: float) -> float:
        """reward, clipped; neither divided nor learned from. For penalties, whose size does not depend on the rewards
        around them."""
        return min(max(reward, -self._clip), self._clip)
