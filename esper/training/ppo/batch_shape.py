"""How the numbers of a batch lie beyond their means: advantages, log-probabilities, and the critic against what came.

Legend: E envs, T epochs, H action heads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from esper.training.ppo.advantages import masked_mean_std


def batch_shape(
    *,
    advantages_et: Tensor,
    values_et: Tensor,
    returns_et: Tensor,
    errors_et: Tensor,
    log_probs_eth: Tensor,
    learned_et: Tensor,
    actor_et: Tensor,
    relevant_eth: Tensor,
) -> Tensor:
    """The numbers of an UpdateShape that the rollout shows, in the order of its fields. Over nothing, not finite.

    errors_et: reward plus discounted value of the next state minus value, step by step.
    """
    mean, std = masked_mean_std(advantages_et, actor_et)
    score_et = torch.where(actor_et, (advantages_et - mean) / std, 0.0)
    acting, learned = actor_et.sum(), learned_et.sum()
    value_mean, value_std = masked_mean_std(values_et, learned_et)
    return_mean, return_std = masked_mean_std(returns_et, learned_et)
    together_et = torch.where(learned_et, (values_et - value_mean) * (returns_et - return_mean), 0.0)
    counted_et = torch.where(learned_et, errors_et, 0.0)
    infinity = float("inf")
    return torch.stack(
        (
            score_et.pow(3).sum() / acting,
            score_et.pow(4).sum() / acting - 3.0,
            ((advantages_et > 0) & actor_et).sum() / acting,
            log_probs_eth.where(relevant_eth, infinity).min(),
            log_probs_eth.where(relevant_eth, -infinity).max(),
            together_et.sum() / learned / (value_std * return_std),
            counted_et.sum() / learned,
            (counted_et.square().sum() / learned).sqrt(),
        )
    )
