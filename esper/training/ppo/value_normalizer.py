"""The scale of returns: the critic learns returns divided by their running standard deviation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from esper.training.ppo.advantages import masked_mean_std

_MOMENTUM = 0.99
_MIN_SAMPLES = 32
_MIN_SCALE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueNormalizerState:
    """What a checkpoint keeps of a ValueNormalizer.

    variance: the variance of the returns, a float32 scalar.
    count: the number of returns seen so far, a long scalar.
    """

    variance: Tensor
    count: Tensor


class ValueNormalizer:
    """The running variance of the returns (moving average, 0.99). The scale stays 1 until 32 returns have been seen."""

    def __init__(self, device: torch.device) -> None:
        self._state = ValueNormalizerState(
            variance=torch.ones((), device=device), count=torch.zeros((), dtype=torch.long, device=device)
        )

    @property
    def scale(self) -> Tensor:
        """The factor that turns the critic's output into reward units, as a scalar tensor on the device."""
        return _scale(self._state)

    def including(self, returns_et: Tensor, valid_et: Tensor) -> tuple[ValueNormalizerState, Tensor]:
        """The state and the scale after these returns. Nothing is changed; load_state keeps the result."""
        count = valid_et.sum()
        _, std = masked_mean_std(returns_et, valid_et)
        # The first returns count in full, because the initial variance is a guess and not a measurement.
        keep = torch.where(self._state.count > 0, _MOMENTUM, 0.0)
        keep = torch.where(count > 0, keep, 1.0)
        state = ValueNormalizerState(
            variance=keep * self._state.variance + (1.0 - keep) * std.square(), count=self._state.count + count
        )
        return state, _scale(state)

    def state(self) -> ValueNormalizerState:
        """A copy of the statistics, for a checkpoint."""
        return ValueNormalizerState(variance=self._state.variance.clone(), count=self._state.count.clone())

    def load_state(self, state: ValueNormalizerState) -> None:
        """Continue from these statistics."""
        device = self._state.variance.device
        self._state = ValueNormalizerState(
            variance=state.variance.to(device, copy=True), count=state.count.to(device, copy=True)
        )


def _scale(state: ValueNormalizerState) -> Tensor:
    return torch.where(state.count >= _MIN_SAMPLES, state.variance.sqrt().clamp_min(_MIN_SCALE), 1.0)
