"""What the display heads learn from, as pure functions. None of their gradients reaches the policy.

Legend: E envs, T epochs, S slots, O ops.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from esper.policy.display_heads import CONTRIBUTION_CLIP
from esper.policy.totals import TensorSum, alone
from esper.training.ppo.losses import weighted_half_square


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayLosses:
    """The losses, as scalars.

    contribution: NaN, without a gradient, if the policy has no contribution head.
    """

    total: Tensor
    op_value: Tensor
    contribution: Tensor


def op_value_loss(
    op_values_eto: Tensor, ops_et: Tensor, targets_et: Tensor, weight_et: Tensor, total: TensorSum = alone
) -> Tensor:
    """Half the weighted mean squared error of Q(s, op) at the op that was taken. The other ops learn nothing."""
    taken_et = op_values_eto.gather(-1, ops_et.unsqueeze(-1)).squeeze(-1)
    return weighted_half_square(taken_et - targets_et, weight_et, total)


def contribution_targets(contributions_ets: Tensor) -> Tensor:
    """What the next epoch measured, as a share of CONTRIBUTION_CLIP from -1 to 1; NaN where it measured nothing.

    contributions_ets: percentage points, measured before the decision of each epoch; NaN where not measured.
    """
    targets_ets = torch.full_like(contributions_ets, float("nan"))
    targets_ets[:, :-1] = contributions_ets[:, 1:].clamp(-CONTRIBUTION_CLIP, CONTRIBUTION_CLIP) / CONTRIBUTION_CLIP
    return targets_ets


def contribution_loss(predicted_ets: Tensor, targets_ets: Tensor, total: TensorSum = alone) -> Tensor:
    """Half the mean squared error where something was measured, or 0 without a gradient if nothing was."""
    measured_ets = ~targets_ets.isnan()
    error_ets = (predicted_ets - targets_ets).where(measured_ets, 0.0)
    return 0.5 * total(error_ets.square().sum()) / total(measured_ets.sum()).clamp_min(1)
