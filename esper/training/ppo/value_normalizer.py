"""The units of the critic, which learns returns minus their running mean, divided by their running standard deviation.

When the statistics move, the critic's output layer is moved against them, so that its estimates stay the same (PopArt,
van Hasselt et al. 2016); see FactoredRecurrentPolicy.rescale_values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from esper.policy.totals import TensorSum, alone
from esper.training.ppo.advantages import masked_mean_std

_LEAST_WEIGHT = 0.05
"""The least weight of a batch. Returns change with the policy, so a plain average over the run would lag behind."""
_MIN_SAMPLES = 32
_MIN_SCALE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueNormalizerState:
    """What a checkpoint keeps of a ValueNormalizer.

    mean, variance: those of the returns, in units of the reward, as float32 scalars.
    count: the number of returns seen so far, as a long scalar.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the returns, at least a tenth, or 1 until 32 returns have been seen."""
        known = self.variance.sqrt().clamp_min(_MIN_SCALE)
        return torch.where(self.count >= _MIN_SAMPLES, known, 1.0)

    @property
    def centre(self) -> Tensor:
        """The mean of the returns, or 0 until 32 returns have been seen."""
        return torch.where(self.count >= _MIN_SAMPLES, self.mean, 0.0)

    def to_rewards(self, values: Tensor) -> Tensor:
        """The critic's output in units of the reward."""
        return values * self.scale + self.centre

    def to_critic(self, returns: Tensor) -> Tensor:
        """Returns in the critic's units: the inverse of to_rewards."""
        return (returns - self.centre) / self.scale


class ValueNormalizer:
    """The running mean and variance of the returns: over all returns at first, and later as moving averages."""

    def __init__(self, device: torch.device) -> None:
        self._state = ValueNormalizerState(
            mean=torch.zeros((), device=device),
            variance=torch.ones((), device=device),
            count=torch.zeros((), dtype=torch.long, device=device),
        )

    def to_rewards(self, values: Tensor) -> Tensor:
        """The critic's output in units of the reward."""
        return self._state.to_rewards(values)

    def including(self, returns_et: Tensor, valid_et: Tensor, total: TensorSum = alone) -> ValueNormalizerState:
        """The state after these returns. Nothing is changed; load_state keeps the result.

        total: adds up the returns of other processes, too.
        """
        old, new = self._state, total(valid_et.sum())
        mean, std = masked_mean_std(returns_et, valid_et, total)
        # The first returns count in full, because the initial statistics are a guess and not a measurement.
        share = new / (old.count + new).clamp_min(1)
        take = torch.where(new > 0, share.clamp_min(_LEAST_WEIGHT), 0.0)
        keep, shift = 1.0 - take, mean - old.mean
        return ValueNormalizerState(
            mean=old.mean + take * shift,
            variance=keep * old.variance + take * std.square() + keep * take * shift.square(),
            count=old.count + new,
        )

    def change_units(self, factor: float) -> None:
        """Take note that rewards are from now on this many times what they were. The critic's own units stay."""
        state = self._state
        self._state = replace(state, mean=state.mean * factor, variance=state.variance * factor**2)

    def state(self) -> ValueNormalizerState:
        """A copy of the statistics, for a checkpoint."""
        return _copied(self._state, self._state.mean.device)

    def load_state(self, state: ValueNormalizerState) -> None:
        """Continue from these statistics."""
        self._state = _copied(state, self._state.mean.device)


def _copied(state: ValueNormalizerState, device: torch.device) -> ValueNormalizerState:
    return ValueNormalizerState(
        mean=state.mean.to(device, copy=True),
        variance=state.variance.to(device, copy=True),
        count=state.count.to(device, copy=True),
    )
