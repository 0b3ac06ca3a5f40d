"""Running normalisation of observations.

The statistics are frozen while a rollout is collected, and updated once before the PPO update. Stored log-probabilities
therefore always belong to the stored normalised observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from esper.policy.totals import TensorSum, alone

_EPSILON = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizerState:
    """What a checkpoint keeps of a RunningNormalizer. Both tensors are float32 [D]."""

    mean_d: Tensor
    variance_d: Tensor


class RunningNormalizer:
    """The moving mean and variance of each feature, which start at 0 and 1."""

    def __init__(self, size: int, *, momentum: float, clip: float, device: torch.device) -> None:
        """Start at mean 0 and variance 1.

        momentum: the weight of the old statistics in an update.
        clip: the largest size of a normalised feature.
        """
        self._momentum = momentum
        self._clip = clip
        self._mean_d = torch.zeros(size, device=device)
        self._variance_d = torch.ones(size, device=device)

    def normalize(self, features_ed: Tensor) -> Tensor:
        """(x - mean) / sqrt(variance + 1e-4), clipped, for any leading shape. The statistics do not change."""
        scaled = (features_ed - self._mean_d) * torch.rsqrt(self._variance_d + _EPSILON)
        return scaled.clamp(-self._clip, self._clip)

    def update(self, features_etd: Tensor, valid_et: Tensor, total: TensorSum = alone) -> None:
        """Move the statistics toward those of one rollout's raw observations. Only valid steps count.

        total: adds up what other processes saw, too.
        """
        weight_et1 = valid_et.unsqueeze(-1).to(features_etd.dtype)
        steps = total(weight_et1.sum())
        count = steps.clamp_min(1.0)
        mean_d = total((features_etd * weight_et1).sum((0, 1))) / count
        variance_d = total(((features_etd - mean_d).square() * weight_et1).sum((0, 1))) / count
        # Without a single valid step there is nothing to move toward.
        take = torch.where(steps > 0, 1.0 - self._momentum, 0.0)
        keep = 1.0 - take
        shift_d = mean_d - self._mean_d
        self._variance_d = keep * self._variance_d + take * variance_d + keep * take * shift_d.square()
        self._mean_d = self._mean_d + take * shift_d

    def state(self) -> NormalizerState:
        """A copy of the statistics, for a checkpoint."""
        return NormalizerState(mean_d=self._mean_d.clone(), variance_d=self._variance_d.clone())

    def load_state(self, state: NormalizerState) -> None:
        """Continue from saved statistics.

        Raises:
            ValueError: the state is for another number of features.
        """
        if state.mean_d.shape != self._mean_d.shape:
            raise ValueError(
                f"the saved normaliser has {state.mean_d.numel()} features, this run has {self._mean_d.numel()}: "
                "it was saved with another number of slots"
            )
        self._mean_d = state.mean_d.to(self._mean_d.device, copy=True)
        self._variance_d = state.variance_d.to(self._mean_d.device, copy=True)
