"""How the observations of a batch compare with the statistics by which they were normalised.

Legend: E envs, T epochs, D features.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from esper.policy.features import BASE_FEATURES
from esper.policy.totals import TensorSum, alone

OUTLIER: Final = 3.0
"""The number of standard deviations from which a normalised feature counts as an outlier."""

NEAR_CLIP: Final = 0.9
"""The share of the clip from which a feature counts as close to it."""


def observation_statistics(features_etd: Tensor, valid_et: Tensor, clip: float, total: TensorSum = alone) -> Tensor:
    """The numbers of an ObservationStats in the order of its fields, on the device, [9].

    Without a step they are not finite.

    features_etd: normalised and clipped, as the policy saw them.
    valid_et: the steps that count.
    total: adds up what other processes saw, too.
    """
    valid_et1, steps = valid_et.unsqueeze(-1), total(valid_et.sum())
    values_etd = features_etd.where(valid_et1, 0.0)
    size_etd, count = values_etd.abs(), steps * values_etd.shape[-1]
    shares = (size_etd > OUTLIER, size_etd >= NEAR_CLIP * clip, size_etd >= clip, ~values_etd.isfinite())
    return torch.stack(
        (
            *_mean_std(values_etd[..., : len(BASE_FEATURES)], valid_et1, steps, total),
            *_mean_std(values_etd[..., len(BASE_FEATURES) :], valid_et1, steps, total),
            *(total(share.sum()) / count for share in shares),
            (total(values_etd.sum((0, 1))) / steps).abs().mean(),
        )
    )


def _mean_std(values_etf: Tensor, valid_et1: Tensor, steps: Tensor, total: TensorSum) -> tuple[Tensor, Tensor]:
    """The mean and standard deviation over all features of the valid steps.

    Elsewhere the values are 0. (An index by mask would wait for the device.)
    """
    count = steps * values_etf.shape[-1]
    mean = total(values_etf.sum()) / count
    return mean, (total((values_etf - mean).square().where(valid_et1, 0.0).sum()) / count).sqrt()
