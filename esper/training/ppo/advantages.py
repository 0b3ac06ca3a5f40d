"""Generalised advantage estimation (Schulman et al. 2016) over E envs at once, as pure functions.

Legend: E envs, T epochs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from esper.policy.totals import TensorSum, alone


def generalized_advantages(
    *,
    rewards_et: Tensor,
    values_et: Tensor,
    done_et: Tensor,
    truncated_et: Tensor,
    bootstrap_et: Tensor,
    learned_et: Tensor,
    gamma: float,
    gae_lambda: float,
) -> Tensor:
    """The advantages, [E, T]; 0 at steps from which nothing is learned.

    Values and bootstraps are in the units of the reward. The last step of every env must be done.

    learned_et: False after the end of an episode, and where the operator decided. What the operator earned must not be
        put down to the decisions before, so the sum of later errors ends there: the decision before is judged by the
        value of the state to which it led.

    done_et: the episode ended with this step.
    truncated_et: it ended only because its time ran out, so the state after it is worth bootstrap_et. After any other
        end, nothing follows.
    """
    advantages_et = torch.zeros_like(values_et)
    following_e = torch.zeros_like(values_et[:, 0])
    next_value_e = torch.zeros_like(following_e)
    for t in reversed(range(values_et.shape[1])):
        done_e = done_et[:, t]
        ending_e = torch.where(truncated_et[:, t], bootstrap_et[:, t], 0.0)
        after_e = torch.where(done_e, ending_e, next_value_e)
        carried_e = torch.where(done_e, 0.0, following_e)
        delta_e = rewards_et[:, t] + gamma * after_e - values_et[:, t]
        following_e = torch.where(learned_et[:, t], delta_e + gamma * gae_lambda * carried_e, 0.0)
        next_value_e = values_et[:, t]
        advantages_et[:, t] = following_e
    return advantages_et


def normalize_advantages(advantages_et: Tensor, counted_et: Tensor, min_std: float, total: TensorSum = alone) -> Tensor:
    """Shift and scale to mean 0 and standard deviation 1 over the counted steps; 0 elsewhere.

    The population standard deviation counts as at least min_std, so that noise around equal returns is not blown up.
    """
    mean, std = masked_mean_std(advantages_et, counted_et, total)
    return torch.where(counted_et, (advantages_et - mean) / std.clamp_min(min_std), 0.0)


def masked_mean_std(values_et: Tensor, counted_et: Tensor, total: TensorSum = alone) -> tuple[Tensor, Tensor]:
    """The mean and the population standard deviation over the counted entries. Both are 0 if there are none.

    total: adds up the entries of other processes, too.
    """
    count = total(counted_et.sum()).clamp_min(1)
    mean = total(torch.where(counted_et, values_et, 0.0).sum()) / count
    variance = total(torch.where(counted_et, (values_et - mean).square(), 0.0).sum()) / count
    return mean, variance.sqrt()
