"""The losses of PPO for a factored policy, as pure functions of tensors.

Legend: E envs, T epochs, H action heads, S slots.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from esper.policy.scoring import Evaluation
from esper.policy.totals import TensorSum, alone
from esper.training.ppo.config import PPOConfig
from esper.training.ppo.schedule import UpdateProgress, entropy_coefficient, entropy_floor_factor, value_coefficient
from esper.training.ranks.protocol import SINGLE, Ranks

_MAX_LOG_RATIO = 20.0
_MAX_JOINT_LOG_RATIO = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LossInputs:
    """What a loss needs beside the evaluation.

    reference_eth: the log-probabilities at the weights before the update.
    advantages_et: normalised.
    targets_et: the returns in the critic's units.
    actor_et: the steps that teach the actor: the policy decided, and had a choice.
    relevant_eth: the heads that mattered in these steps.
    open_eth: the heads of these steps that had more than one legal choice.
    value_weight_et: 0 at steps that teach nothing.
    ops_et: the ops that were taken.
    contribution_targets_ets: see display_losses.
    """

    reference_eth: Tensor
    advantages_et: Tensor
    targets_et: Tensor
    actor_et: Tensor
    relevant_eth: Tensor
    open_eth: Tensor
    value_weight_et: Tensor
    ops_et: Tensor
    contribution_targets_ets: Tensor

    def rows(self, envs: Tensor) -> LossInputs:
        """The same for some envs.

        envs: a long tensor of indices.
        """
        return LossInputs(**{item.name: getattr(self, item.name)[envs] for item in fields(self)})

    def without_weight(self) -> LossInputs:
        """The same steps, of which none counts."""
        return replace(
            self,
            actor_et=torch.zeros_like(self.actor_et),
            relevant_eth=torch.zeros_like(self.relevant_eth),
            open_eth=torch.zeros_like(self.open_eth),
            value_weight_et=torch.zeros_like(self.value_weight_et),
            contribution_targets_ets=torch.full_like(self.contribution_targets_ets, float("nan")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCoefficients:
    """The weights of the terms of one update's loss. Names that end in _h hold one number per head."""

    clip_ratio: float
    value: float
    entropy: float
    entropy_weights_h: Tensor
    entropy_floors_h: Tensor
    floor_penalties_h: Tensor

    @classmethod
    def scheduled(cls, config: PPOConfig, progress: UpdateProgress, device: torch.device) -> LossCoefficients:
        """The coefficients of the update that follows this progress."""
        factor = entropy_floor_factor(config, progress.updates)
        return cls(
            clip_ratio=config.clip_ratio,
            value=value_coefficient(config, progress.updates),
            entropy=entropy_coefficient(config, progress.episodes),
            entropy_weights_h=torch.tensor(config.entropy_weights.in_order(), device=device),
            entropy_floors_h=torch.tensor(config.entropy_floors.in_order(), device=device),
            floor_penalties_h=factor * torch.tensor(config.entropy_floor_penalties.in_order(), device=device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioStatistics:
    """How far the policy has moved from the reference. Means and extremes over no step are not finite.

    Names that end in _h hold one number per head.

    kl: the estimated divergence of the joint policy per actor step: the sum over heads of ratio - 1 - ln(ratio), where
        each head counts in the steps in which it mattered.
    clip_up_fraction: of those that are clipped, the ones whose probability has grown, as a share of all.
    maximum, minimum: the extremes of the joint ratio.
    """

    kl: Tensor
    clip_fraction: Tensor
    clip_up_fraction: Tensor
    maximum: Tensor
    minimum: Tensor
    clip_fraction_h: Tensor
    maximum_h: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The terms of the loss, as scalars, and what is reported about them.

    entropy: the mean share of the maximum over all open heads of all steps.
    entropy_h: the same for each head. It is not finite without a step.
    """

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy_loss: Tensor
    floor_penalty: Tensor
    entropy: Tensor
    entropy_h: Tensor
    ratios: RatioStatistics


def ppo_losses(
    evaluation: Evaluation, inputs: LossInputs, coefficients: LossCoefficients, ranks: Ranks = SINGLE
) -> Losses:
    """The losses and statistics of these steps and of those that other ranks evaluate meanwhile.

    The total is policy + value coefficient * value + entropy coefficient * entropy_loss + floor_penalty.
    """
    log_ratio_eth = (evaluation.log_probs_eth - inputs.reference_eth).where(inputs.relevant_eth, 0.0)
    log_ratio_eth = log_ratio_eth.clamp(-_MAX_LOG_RATIO, _MAX_LOG_RATIO)
    policy = _surrogate_loss(log_ratio_eth.exp(), inputs, coefficients.clip_ratio, ranks.sum)
    value = weighted_half_square(evaluation.values_et - inputs.targets_et, inputs.value_weight_et, ranks.sum)
    entropy_sum_h = ranks.sum(_masked_sum(evaluation.entropies_eth, inputs.open_eth))
    open_h = ranks.sum(inputs.open_eth.sum((0, 1)))
    entropy_loss = -(coefficients.entropy_weights_h * entropy_sum_h / open_h.clamp_min(1)).sum()
    floor_penalty = _floor_penalty(entropy_sum_h, open_h, coefficients)
    ratios = _ratio_statistics(log_ratio_eth.detach(), inputs, coefficients.clip_ratio, ranks)
    return Losses(
        total=policy + coefficients.value * value + coefficients.entropy * entropy_loss + floor_penalty,
        policy=policy,
        value=value,
        entropy_loss=entropy_loss,
        floor_penalty=floor_penalty,
        entropy=entropy_sum_h.detach().sum() / open_h.sum(),
        entropy_h=entropy_sum_h.detach() / open_h,
        ratios=ratios,
    )


def _ratio_statistics(log_ratio_eth: Tensor, inputs: LossInputs, clip_ratio: float, ranks: Ranks) -> RatioStatistics:
    relevant_eth, actor_et, infinity, total = inputs.relevant_eth, inputs.actor_et, float("inf"), ranks.sum
    ratio_eth = log_ratio_eth.exp()
    clipped_eth = ((ratio_eth - 1.0).abs() > clip_ratio) & relevant_eth
    joint_et = log_ratio_eth.sum(-1).clamp(-_MAX_JOINT_LOG_RATIO, _MAX_JOINT_LOG_RATIO).exp()
    return RatioStatistics(
        kl=total((ratio_eth - 1.0 - log_ratio_eth).sum()) / total(actor_et.sum()).clamp_min(1),
        clip_fraction=total(clipped_eth.sum()) / total(relevant_eth.sum()),
        clip_up_fraction=total((clipped_eth & (ratio_eth > 1.0)).sum()) / total(relevant_eth.sum()),
        maximum=ranks.max(joint_et.where(actor_et, -infinity).max()),
        minimum=-ranks.max(-joint_et.where(actor_et, infinity).min()),
        clip_fraction_h=total(clipped_eth.sum((0, 1))) / total(relevant_eth.sum((0, 1))),
        maximum_h=ranks.max(ratio_eth.where(relevant_eth, -infinity).amax((0, 1))),
    )


def _surrogate_loss(ratio_eth: Tensor, inputs: LossInputs, clip_ratio: float, total: TensorSum) -> Tensor:
    """The clipped surrogate of each head, averaged over the steps in which the head mattered and summed over heads."""
    advantages_et1 = inputs.advantages_et.unsqueeze(-1)
    clipped_eth = ratio_eth.clamp(1.0 - clip_ratio, 1.0 + clip_ratio)
    gain_eth = torch.minimum(ratio_eth * advantages_et1, clipped_eth * advantages_et1)
    steps_h = total(inputs.relevant_eth.sum((0, 1))).clamp_min(1)
    return -(total(_masked_sum(gain_eth, inputs.relevant_eth)) / steps_h).sum()


def _floor_penalty(entropy_sum_h: Tensor, open_h: Tensor, coefficients: LossCoefficients) -> Tensor:
    """The squares of what the heads' mean entropies lack of their floors, weighted and summed.

    A head that never had a choice is not to blame.
    """
    missing_h = (coefficients.entropy_floors_h - entropy_sum_h / open_h.clamp_min(1)).clamp_min(0.0)
    return (coefficients.floor_penalties_h * missing_h.square()).where(open_h > 0, 0.0).sum()


def weighted_half_square(error_et: Tensor, weight_et: Tensor, total: TensorSum = alone) -> Tensor:
    """Half the weighted mean of the squared errors. An error without weight may have any value.

    total: adds up the errors of other processes, too.
    """
    counted_et = error_et.where(weight_et > 0, 0.0)
    weights = total(weight_et.sum()).clamp_min(torch.finfo(weight_et.dtype).tiny)
    return 0.5 * total((weight_et * counted_et.square()).sum()) / weights


def _masked_sum(values_eth: Tensor, mask_eth: Tensor) -> Tensor:
    """The sum over envs and epochs, [H], of the entries that the mask lets through."""
    return values_eth.where(mask_eth, 0.0).sum((0, 1))
