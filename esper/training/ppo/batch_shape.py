"""How the numbers of a batch lie beyond their means: advantages, log-probabilities, and the critic against what came.

Legend: E envs, T epochs, H action heads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from esper.training.ppo.advantages import masked_mean_std
from esper.training.ranks.protocol import SINGLE, Ranks


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
    ranks: Ranks = SINGLE,
) -> Tensor:
    """The numbers of an UpdateShape that the rollout shows, in the order of its fields. Over nothing, not finite.

    errors_et: reward plus discounted value of the next state minus value, step by step.
    ranks: the processes over whose steps they are taken.
    """
    total, infinity = ranks.sum, float("inf")
    mean, std = masked_mean_std(advantages_et, actor_et, total)
    score_et = torch.where(actor_et, (advantages_et - mean) / std, 0.0)
    acting, learned = total(actor_et.sum()), total(learned_et.sum())
    value_mean, value_std = masked_mean_std(values_et, learned_et, total)
    return_mean, return_std = masked_mean_std(returns_et, learned_et, total)
    together_et = torch.where(learned_et, (values_et - value_mean) * (returns_et - return_mean), 0.0)
    counted_et = torch.where(learned_et, errors_et, 0.0)
    return torch.stack(
        (
            total(score_et.pow(3).sum()) / acting,
            total(score_et.pow(4).sum()) / acting - 3.0,
            total(((advantages_et > 0) & actor_et).sum()) / acting,
            -ranks.max((-log_probs_eth).where(relevant_eth, -infinity).max()),
            ranks.max(log_probs_eth.where(relevant_eth, -infinity).max()),
            total(together_et.sum()) / learned / (value_std * return_std),
            total(counted_et.sum()) / learned,
            (total(counted_et.square().sum()) / learned).sqrt(),
        )
    )
