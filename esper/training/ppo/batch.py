"""What the gradient steps of an update share: reference log-probabilities, advantages and value targets.

Legend: E envs, T epochs, H action heads, O ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.contracts.actions import Head, Op
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.observation_statistics import observation_statistics
from esper.policy.scoring import Evaluation, evaluate_episodes, relevant_heads
from esper.policy.totals import TensorSum
from esper.training.ppo.advantages import generalized_advantages, masked_mean_std, normalize_advantages
from esper.training.ppo.batch_shape import batch_shape
from esper.training.ppo.config import PPOConfig
from esper.training.ppo.display_losses import contribution_targets
from esper.training.ppo.losses import LossInputs
from esper.training.ppo.minibatches import Minibatch
from esper.training.ppo.rollout_buffer import RolloutTensors
from esper.training.ppo.value_normalizer import ValueNormalizer, ValueNormalizerState
from esper.training.ranks.protocol import SINGLE, Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBatch:
    """A batch that is ready for gradient steps.

    statistics: the numbers of a BatchReading, still on the device.

    value_state: the value normaliser with these returns counted in; the targets are in its units.
    """

    inputs: LossInputs
    value_state: ValueNormalizerState
    statistics: Tensor


@dataclass(frozen=True, slots=True)
class _Reference:
    """How the policy judges the batch at the starting weights."""

    log_probs_eth: Tensor
    op_values_eto: Tensor


def evaluate(policy: FactoredRecurrentPolicy, rollout: RolloutTensors) -> Evaluation:
    """How the policy now judges these episodes, with gradients."""
    return evaluate_episodes(
        policy,
        features_etd=rollout.features_etd,
        blueprints_ets=rollout.blueprints_ets,
        mask_ethn=rollout.mask_ethn,
        actions_eth=rollout.actions_eth,
    )


def prepare_batch(
    policy: FactoredRecurrentPolicy,
    rollout: RolloutTensors,
    order: Sequence[Minibatch],
    normalizer: ValueNormalizer,
    config: PPOConfig,
    ranks: Ranks = SINGLE,
) -> PreparedBatch:
    """Reference log-probabilities, advantages and value targets at the starting weights.

    Nothing is changed.

    order: the minibatches of the first pass.
    ranks: the processes over whose steps all statistics are taken.
    """
    learned_et, forced_et = rollout.learned_et, rollout.forced_et
    values_et = normalizer.to_rewards(rollout.values_et)
    advantages_et = _advantages(rollout, values_et, normalizer, config, gae_lambda=config.gae_lambda)
    returns_et = advantages_et + values_et
    value_state = normalizer.including(returns_et, learned_et, ranks.sum)
    actor_et = learned_et & ~forced_et
    relevant_eth = relevant_heads(rollout.actions_eth) & actor_et.unsqueeze(-1)
    reference = _reference(policy, rollout, order)
    inputs = LossInputs(
        reference_eth=reference.log_probs_eth,
        advantages_et=normalize_advantages(advantages_et, actor_et, config.min_advantage_std, ranks.sum),
        targets_et=value_state.to_critic(returns_et),
        actor_et=actor_et,
        relevant_eth=relevant_eth,
        open_eth=relevant_eth & (rollout.mask_ethn.sum(-1) > 1),
        value_weight_et=torch.where(forced_et, config.forced_step_value_weight, 1.0) * learned_et,
        ops_et=rollout.actions_eth[..., Head.OP],
        contribution_targets_ets=contribution_targets(rollout.contributions_ets),
    )
    op_values_o = _mean_op_values(rollout, normalizer.to_rewards(reference.op_values_eto), ranks.sum)
    scalars = _batch_statistics(rollout, inputs, values_et, returns_et, advantages_et, ranks)
    seen = observation_statistics(rollout.features_etd, rollout.valid_et, policy.config.observation_clip, ranks.sum)
    shape = batch_shape(
        advantages_et=advantages_et,
        values_et=values_et,
        returns_et=returns_et,
        errors_et=_advantages(rollout, values_et, normalizer, config, gae_lambda=0.0),
        log_probs_eth=reference.log_probs_eth,
        learned_et=learned_et,
        actor_et=actor_et,
        relevant_eth=relevant_eth,
        ranks=ranks,
    )
    statistics = torch.cat((scalars, op_values_o, seen, shape))
    return PreparedBatch(inputs=inputs, value_state=value_state, statistics=statistics)


def _advantages(
    rollout: RolloutTensors,
    values_et: Tensor,
    normalizer: ValueNormalizer,
    config: PPOConfig,
    *,
    gae_lambda: float,
) -> Tensor:
    """The advantages; with a lambda of 0, the one-step errors of the critic."""
    return generalized_advantages(
        rewards_et=rollout.rewards_et,
        values_et=values_et,
        done_et=rollout.done_et,
        truncated_et=rollout.truncated_et,
        bootstrap_et=normalizer.to_rewards(rollout.bootstrap_et),
        learned_et=rollout.learned_et,
        gamma=config.gamma,
        gae_lambda=gae_lambda,
    )


def _reference(policy: FactoredRecurrentPolicy, rollout: RolloutTensors, order: Sequence[Minibatch]) -> _Reference:
    """The log-probabilities at the starting weights, computed so that the first ratio is exactly 1.

    The last bits of a kernel's results depend on the shape of its batch and on whether gradients are recorded. The
    references are therefore computed on the minibatches of the first pass, with gradients enabled.
    """
    log_probs_eth = torch.zeros_like(rollout.log_probs_eth)
    op_values_eto = log_probs_eth.new_zeros(*log_probs_eth.shape[:2], len(Op))
    for minibatch in order:
        envs_b = minibatch.envs_b
        evaluation = evaluate(policy, rollout.rows(envs_b))
        if minibatch.counted:
            log_probs_eth[envs_b] = evaluation.log_probs_eth.detach()
            op_values_eto[envs_b] = evaluation.op_values_eto.detach()
    return _Reference(log_probs_eth, op_values_eto)


def _mean_op_values(rollout: RolloutTensors, op_values_eto: Tensor, total: TensorSum) -> Tensor:
    """The mean value of each op, [O], over the steps on which it was possible. It is not finite where it never was."""
    possible_eto = rollout.mask_ethn[..., Head.OP, : len(Op)] & rollout.valid_et.unsqueeze(-1)
    return total(op_values_eto.where(possible_eto, 0.0).sum((0, 1))) / total(possible_eto.sum((0, 1)))


def _batch_statistics(
    rollout: RolloutTensors,
    inputs: LossInputs,
    values_et: Tensor,
    returns_et: Tensor,
    advantages_et: Tensor,
    ranks: Ranks,
) -> Tensor:
    """The numbers of a BatchReading before the op values, in the order of its fields."""
    learned_et, actor_et, relevant_eth = rollout.learned_et, inputs.actor_et, inputs.relevant_eth
    _, residual_std = masked_mean_std(returns_et - values_et, learned_et, ranks.sum)
    return_mean, return_std = masked_mean_std(returns_et, learned_et, ranks.sum)
    error_eth = (inputs.reference_eth - rollout.log_probs_eth).abs().where(relevant_eth, 0.0)
    scalars = (
        1.0 - (residual_std / return_std).square(),
        *masked_mean_std(advantages_et, actor_et, ranks.sum),
        return_mean,
        return_std,
        *masked_mean_std(values_et, learned_et, ranks.sum),
        ranks.max(error_eth.max()),
    )
    relevant_fraction_h = ranks.sum(relevant_eth.sum((0, 1))) / ranks.sum(actor_et.sum()).clamp_min(1)
    return torch.cat((torch.stack(scalars), relevant_fraction_h))
