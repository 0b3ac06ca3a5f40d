"""The losses of PPO for a factored policy. Pure functions of tensors.

Legend: E envs, T epochs, H action heads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from esper.policy.evaluation import Evaluation

_MAX_LOG_RATIO = 20.0
_MAX_JOINT_LOG_RATIO = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LossInputs:
    """What a loss needs besides the evaluation.

    reference_eth: log-probabilities at the weights before the update. advantages_et: normalised. targets_et: returns in
    the critic's units. actor_et: steps that teach the actor (valid, not forced). relevant_eth: of those, the heads that
    mattered. open_eth: of those, the heads with more than one legal choice. value_weight_et: 0 at invalid steps.
    """

    reference_eth: Tensor
    advantages_et: Tensor
    targets_et: Tensor
    actor_et: Tensor
    relevant_eth: Tensor
    open_eth: Tensor
    value_weight_et: Tensor

    def rows(self, envs: Tensor) -> LossInputs:
        """The same for some envs (long tensor of indices)."""
        return LossInputs(**{item.name: getattr(self, item.name)[envs] for item in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioStatistics:
    """How far the policy has moved from the reference. Means and extremes over no step are not finite.

    kl: estimated divergence of the joint policy per actor step: the sum over heads of ratio - 1 - ln(ratio), each head
    counted where it mattered. maximum, minimum: of the joint ratio. *_h: per head.
    """

    kl: Tensor
    clip_fraction: Tensor
    maximum: Tensor
    minimum: Tensor
    clip_fraction_h: Tensor
    maximum_h: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Loss terms (scalars) and what is reported about them.

    entropy: mean share of the maximum over all open heads of all steps; entropy_h: per head. Not finite over no step.
    """

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy_loss: Tensor
    entropy: Tensor
    entropy_h: Tensor
    ratios: RatioStatistics


def ppo_losses(
    evaluation: Evaluation,
    inputs: LossInputs,
    *,
    clip_ratio: float,
    value_coef: float,
    entropy_coef: float,
    entropy_weights_h: Tensor,
) -> Losses:
    """policy + value_coef * value + entropy_coef * entropy_loss, and the statistics of the step."""
    log_ratio_eth = (evaluation.log_probs_eth - inputs.reference_eth).where(inputs.relevant_eth, 0.0)
    log_ratio_eth = log_ratio_eth.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO)
    policy = _surrogate_loss(log_ratio_eth.exp(), inputs, clip_ratio)
    value = _value_loss(evaluation.values_et, inputs)
    entropy_sum_h = _masked_sum(evaluation.entropies_eth, inputs.open_eth)
    open_h = inputs.open_eth.sum((0, 1))
    entropy_loss = -(entropy_weights_h * entropy_sum_h / open_h.clamp_min(1)).sum()
    ratios = _ratio_statistics(log_ratio_eth.detach(), inputs, clip_ratio)
    return Losses(
        total=policy + value_coef * value + entropy_coef * entropy_loss,
        policy=policy,
        value=value,
        entropy_loss=entropy_loss,
        entropy=entropy_sum_h.detach().sum() / open_h.sum(),
        entropy_h=entropy_sum_h.detach() / open_h,
        ratios=ratios,
    )


def _ratio_statistics(log_ratio_eth: Tensor, inputs: LossInputs, clip_ratio: float) -> RatioStatistics:
    relevant_eth, actor_et, infinity = inputs.relevant_eth, inputs.actor_et, float("inf")
    ratio_eth = log_ratio_eth.exp()
    clipped_eth = ((ratio_eth - 1.0).abs() > clip_ratio) & relevant_eth
    joint_et = log_ratio_eth.sum(-1).clamp(-_MAX_JOINT_LOG_RATIO, _MAX_JOINT_LOG_RATIO).exp()
    return RatioStatistics(
        kl=(ratio_eth - 1.0 - log_ratio_eth).sum() / actor_et.sum().clamp_min(1),
        clip_fraction=clipped_eth.sum() / relevant_eth.sum(),
        maximum=joint_et.where(actor_et, -infinity).max(),
        minimum=joint_et.where(actor_et, infinity).min(),
        clip_fraction_h=clipped_eth.sum((0, 1)) / relevant_eth.sum((0, 1)),
        maximum_h=ratio_eth.where(relevant_eth, -infinity).amax((0, 1)),
    )


def _surrogate_loss(ratio_eth: Tensor, inputs: LossInputs, clip_ratio: float) -> Tensor:
    """Clipped surrogate per head, averaged over the steps where the head mattered, summed over heads."""
    advantages_et1 = inputs.advantages_et.unsqueeze(-1)
    clipped_eth = ratio_eth.clamp(1.0 - clip_ratio, 1.0 + clip_ratio)
    gain_eth = torch.minimum(ratio_eth * advantages_et1, clipped_eth * advantages_et1)
    steps_h = inputs.relevant_eth.sum((0, 1)).clamp_min(1)
    return -(_masked_sum(gain_eth, inputs.relevant_eth) / steps_h).sum()


def _value_loss(values_et: Tensor, inputs: LossInputs) -> Tensor:
    """Half the weighted mean squared error."""
    weight_et = inputs.value_weight_et
    error_et = (values_et - inputs.targets_et).where(weight_et > 0, 0.0)
    total = weight_et.sum().clamp_min(torch.finfo(weight_et.dtype).tiny)
    return 0.5 * (weight_et * error_et.square()).sum() / total


def _masked_sum(values_eth: Tensor, mask_eth: Tensor) -> Tensor:
    """Sum over envs and epochs [H] of the entries that the mask lets through."""
    return values_eth.where(mask_eth, 0.0).sum((0, 1))
