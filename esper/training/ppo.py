"""The PPO update of the controller: whole episodes, from the zero state, split along the env axis only.

Legend: E envs, T epochs, H action heads.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import cast

import torch
from torch import Tensor, nn

from esper.contracts.actions import Head
from esper.policy.evaluation import Evaluation, evaluate_episodes, relevant_heads
from esper.policy.network import FactoredRecurrentPolicy
from esper.training.advantages import generalized_advantages, masked_mean_std, normalize_advantages
from esper.training.config import PPOConfig
from esper.training.ppo_losses import LossInputs, ppo_losses
from esper.training.ppo_metrics import BatchReading, StepReading, UpdateReading, pack_step, update_metrics
from esper.training.rollout_buffer import RolloutBuffer, RolloutTensors
from esper.training.value_normalizer import ValueNormalizer, ValueNormalizerState
from esper.training.vectorized_types import PPOMetrics

_KL_STOP_FACTOR = 1.5
_MAX_REFERENCE_ERROR = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A batch ready for gradient steps. statistics: the numbers of a BatchReading, still on the device."""

    inputs: LossInputs
    value_state: ValueNormalizerState
    statistics: Tensor


class PPOUpdater:
    """Owns the optimiser and the value normaliser; update() is called once per batch."""

    def __init__(self, policy: FactoredRecurrentPolicy, config: PPOConfig) -> None:
        device = policy.floors_h.device
        self._policy = policy
        self._config = config
        self._entropy_weights_h = torch.tensor(config.entropy_weights.in_order(), device=device)
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=config.learning_rate, eps=config.adam_epsilon)
        self.value_normalizer = ValueNormalizer(device)

    def update(self, buffer: RolloutBuffer, generator: torch.Generator) -> PPOMetrics:
        """Improve the policy on one full buffer.

        generator: CPU; decides which envs share a minibatch. An update whose loss or gradient is not finite, or that
        has no step to learn from, is skipped: weights, optimiser and value normaliser stay bit for bit as they were,
        and the metrics say so.
        """
        started = perf_counter()
        rollout = buffer.tensors()
        before = copy.deepcopy((self._policy.state_dict(), self.optimizer.state_dict()))
        order = self._minibatches(rollout, generator)
        prepared = self._prepare(rollout, order)
        reading = self._run(rollout, prepared, order, generator)
        if buffer.is_empty:
            reading = replace(reading, skipped=True)
        self.optimizer.zero_grad(set_to_none=True)
        if reading.skipped:
            self._policy.load_state_dict(before[0])
            self.optimizer.load_state_dict(before[1])
        else:
            self.value_normalizer.load_state(prepared.value_state)
        return update_metrics(reading, self._config, 1000.0 * (perf_counter() - started))

    def _run(
        self, rollout: RolloutTensors, prepared: _Prepared, order: Sequence[Tensor], generator: torch.Generator
    ) -> UpdateReading:
        """Gradient steps until the passes are done, the policy has moved too far, or something is not finite."""
        read: list[tuple[BatchReading, StepReading]] = []
        for epoch in range(self._config.epochs):
            if epoch > 0:
                order = self._minibatches(rollout, generator)
            for envs in order:
                read.append(self._gradient(rollout.rows(envs), prepared.inputs.rows(envs), prepared.statistics))
                step = read[-1][1]
                if not step.finite:
                    return _update_reading(read, epochs_run=epoch, skipped=True)
                if step.kl > _KL_STOP_FACTOR * self._config.target_kl:
                    return _update_reading(read, epochs_run=epoch, early_stopped=True)
                self.optimizer.step()
        return _update_reading(read, epochs_run=self._config.epochs)

    def _gradient(
        self, rollout: RolloutTensors, inputs: LossInputs, statistics: Tensor
    ) -> tuple[BatchReading, StepReading]:
        """Put the clipped gradient of one minibatch into the weights' grad fields and read its statistics."""
        losses = ppo_losses(
            self._evaluate(rollout),
            inputs,
            clip_ratio=self._config.clip_ratio,
            value_coef=self._config.value_coef,
            entropy_coef=self._config.entropy_coef,
            entropy_weights_h=self._entropy_weights_h,
        )
        self.optimizer.zero_grad(set_to_none=True)
        losses.total.backward()
        norm_h = torch.stack([_gradient_norm(self._policy.head_parameters(head)) for head in Head])
        norm = nn.utils.clip_grad_norm_(self._policy.parameters(), self._config.max_grad_norm)
        return _read(statistics, pack_step(losses, norm, norm_h))

    def _evaluate(self, rollout: RolloutTensors) -> Evaluation:
        return evaluate_episodes(
            self._policy,
            features_etd=rollout.features_etd,
            blueprints_ets=rollout.blueprints_ets,
            mask_ethn=rollout.mask_ethn,
            actions_eth=rollout.actions_eth,
        )

    def _minibatches(self, rollout: RolloutTensors, generator: torch.Generator) -> Sequence[Tensor]:
        """The env axis in random order, cut into minibatches of whole episodes."""
        order = torch.randperm(len(rollout.rewards_et), generator=generator)
        return order.to(rollout.rewards_et.device).chunk(self._config.minibatches)

    def _prepare(self, rollout: RolloutTensors, order: Sequence[Tensor]) -> _Prepared:
        """Reference log-probabilities, advantages and value targets at the starting weights."""
        config, valid_et, forced_et = self._config, rollout.valid_et, rollout.forced_et
        values_et = rollout.values_et * self.value_normalizer.scale
        advantages_et = generalized_advantages(
            rewards_et=rollout.rewards_et,
            values_et=values_et,
            done_et=rollout.done_et,
            truncated_et=rollout.truncated_et,
            bootstrap_et=rollout.bootstrap_et * self.value_normalizer.scale,
            valid_et=valid_et,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
        )
        returns_et = advantages_et + values_et
        value_state, scale = self.value_normalizer.including(returns_et, valid_et)
        actor_et = valid_et & ~forced_et
        relevant_eth = relevant_heads(rollout.actions_eth) & actor_et.unsqueeze(-1)
        inputs = LossInputs(
            reference_eth=self._reference(rollout, order),
            advantages_et=normalize_advantages(advantages_et, actor_et, config.min_advantage_std),
            targets_et=returns_et / scale,
            actor_et=actor_et,
            relevant_eth=relevant_eth,
            open_eth=relevant_eth & (rollout.mask_ethn.sum(-1) > 1),
            value_weight_et=torch.where(forced_et, config.forced_step_value_weight, 1.0) * valid_et,
        )
        statistics = _batch_statistics(rollout, inputs, values_et, returns_et, advantages_et)
        return _Prepared(inputs=inputs, value_state=value_state, statistics=statistics)

    def _reference(self, rollout: RolloutTensors, order: Sequence[Tensor]) -> Tensor:
        """Log-probabilities at the starting weights, so that the first ratio is exactly 1.

        Kernels differ in the last bits between batch shapes and between gradient modes, so this runs on the first
        pass's own minibatches and with gradients enabled.
        """
        reference_eth = torch.zeros_like(rollout.log_probs_eth)
        for envs in order:
            reference_eth[envs] = self._evaluate(rollout.rows(envs)).log_probs_eth.detach()
        return reference_eth


def _batch_statistics(
    rollout: RolloutTensors, inputs: LossInputs, values_et: Tensor, returns_et: Tensor, advantages_et: Tensor
) -> Tensor:
    """The numbers of a BatchReading, in the order of its fields."""
    valid_et, actor_et, relevant_eth = rollout.valid_et, inputs.actor_et, inputs.relevant_eth
    _, residual_std = masked_mean_std(returns_et - values_et, valid_et)
    return_mean, return_std = masked_mean_std(returns_et, valid_et)
    error_eth = (inputs.reference_eth - rollout.log_probs_eth).abs().where(relevant_eth, 0.0)
    scalars = (
        1.0 - (residual_std / return_std).square(),
        *masked_mean_std(advantages_et, actor_et),
        return_mean,
        return_std,
        *masked_mean_std(values_et, valid_et),
        error_eth.max(),
    )
    relevant_fraction_h = relevant_eth.sum((0, 1)) / actor_et.sum().clamp_min(1)
    return torch.cat((torch.stack(scalars), relevant_fraction_h))


def _update_reading(
    read: Sequence[tuple[BatchReading, StepReading]],
    *,
    epochs_run: int,
    early_stopped: bool = False,
    skipped: bool = False,
) -> UpdateReading:
    return UpdateReading(
        batch=read[0][0],
        steps=tuple(step for _, step in read),
        epochs_run=epochs_run,
        early_stopped=early_stopped,
        skipped=skipped,
    )


def _gradient_norm(parameters: Sequence[nn.Parameter]) -> Tensor:
    return nn.utils.get_total_norm([weight.grad for weight in parameters if weight.grad is not None])


def _read(batch: Tensor, step: Tensor) -> tuple[BatchReading, StepReading]:
    """Copy the statistics of one gradient step to the CPU: the one place where the update waits for the device."""
    row = cast("list[float]", torch.cat((batch, step)).tolist())
    readings = BatchReading.unpack(row[: len(batch)]), StepReading.unpack(row[len(batch) :])
    # NaN is no disagreement: the step is not finite and the update will be skipped.
    assert not readings[0].reference_error > _MAX_REFERENCE_ERROR, (
        "rollout and update disagree about the log-probability of an action: hidden states, masks or observations in "
        "the buffer are not those that the policy acted on"
    )
    return readings
