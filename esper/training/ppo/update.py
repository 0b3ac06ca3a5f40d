"""The PPO update of the controller, on whole episodes that start from the zero state and are split only between envs.

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
from esper.contracts.randomness import derive_seed
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.scoring import Evaluation
from esper.telemetry.events import PPOMetrics
from esper.training.ppo.adam import Adam
from esper.training.ppo.batch import PreparedBatch, evaluate, prepare_batch
from esper.training.ppo.config import PPOConfig
from esper.training.ppo.display_losses import DisplayLosses, contribution_loss, op_value_loss
from esper.training.ppo.losses import LossCoefficients, LossInputs, ppo_losses
from esper.training.ppo.metrics import (
    BatchReading,
    GradientNorms,
    StepReading,
    UpdateReading,
    pack_step,
    skip_cause,
    update_metrics,
)
from esper.training.ppo.minibatches import Minibatch, draw_minibatches
from esper.training.ppo.rollout_buffer import RolloutBuffer, RolloutTensors
from esper.training.ppo.schedule import OP_VALUE_SHARE, UpdateProgress, contribution_coefficient
from esper.training.ppo.skipped_updates import SkipCause
from esper.training.ppo.value_normalizer import ValueNormalizer, ValueNormalizerState
from esper.training.ranks.protocol import SINGLE, Ranks

_KL_STOP_FACTOR = 1.5
_MAX_REFERENCE_ERROR = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update:
    """What the gradient steps of one update share."""

    rollout: RolloutTensors
    prepared: PreparedBatch
    coefficients: LossCoefficients
    dropout: torch.Generator


class PPOUpdater:
    """Owns the optimiser, the value normaliser and the counters. update() is called once per batch.

    ranks: the processes that learn together, each from its own buffer. All of them make the same step.
    """

    def __init__(self, policy: FactoredRecurrentPolicy, config: PPOConfig, ranks: Ranks = SINGLE) -> None:
        self.ranks = ranks
        self._device = policy.floors_h.device
        self._policy = policy
        self._config = config
        self.optimizer = Adam(policy, learning_rate=config.learning_rate, epsilon=config.adam_epsilon)
        self.value_normalizer = ValueNormalizer(self._device)
        self.progress = UpdateProgress()

    def update(self, buffer: RolloutBuffer, generator: torch.Generator) -> PPOMetrics:
        """Improve the policy on one full buffer.

        An update is skipped if a loss or a gradient is not finite, or if there is no step to learn from. Then the
        weights, the optimiser and the value normaliser stay bit for bit as they were, and the metrics say so. progress
        counts a skipped update too.

        generator: a CPU generator, which decides which envs share a minibatch.
        """
        started = perf_counter()
        rollout = buffer.tensors()
        decided = sum(self.ranks.gather(buffer.steps))
        before = copy.deepcopy(self._policy.state_dict()), self.optimizer.tensors()
        order = self._minibatches(rollout, generator)
        update = _Update(
            rollout=rollout,
            prepared=prepare_batch(self._policy, rollout, order, self.value_normalizer, self._config, self.ranks),
            coefficients=LossCoefficients.scheduled(self._config, self.progress, self._device),
            dropout=torch.Generator().manual_seed(derive_seed(generator.initial_seed(), "dropout")),
        )
        self._rescale_values(update.prepared.value_state)
        reading = self._run(update, order, generator)
        if decided == 0:
            reading = replace(reading, skipped=SkipCause.NO_STEPS)
        self.optimizer.zero_grad()
        if reading.skipped is None:
            self.value_normalizer.load_state(update.prepared.value_state)
        else:
            self._policy.load_state_dict(before[0])
            self.optimizer.load_tensors(before[1])
        episodes = len(rollout.rewards_et) * self.ranks.size
        self.progress = self.progress.after(episodes=episodes, decisions=decided)
        return update_metrics(reading, self._config, update.coefficients, 1000.0 * (perf_counter() - started))

    def _rescale_values(self, new: ValueNormalizerState) -> None:
        """Move the critic's output layer against its new units, so that no estimate changes."""
        old = self.value_normalizer.state()
        self._policy.rescale_values(old.scale / new.scale, (old.centre - new.centre) / new.scale)

    def _run(self, update: _Update, order: Sequence[Minibatch], generator: torch.Generator) -> UpdateReading:
        """Take gradient steps until the passes are done, the policy has moved too far, or something is not finite."""
        read: list[tuple[BatchReading, StepReading]] = []
        for epoch in range(self._config.epochs):
            if epoch > 0:
                order = self._minibatches(update.rollout, generator)
            for minibatch in order:
                read.append(self._gradient(update, minibatch))
                batch, step = read[-1]
                if not step.finite:
                    return _update_reading(read, epochs_run=epoch, skipped=skip_cause(batch, step))
                if step.kl > _KL_STOP_FACTOR * self._config.target_kl:
                    return _update_reading(read, epochs_run=epoch, early_stopped=True)
                self.optimizer.step()
        return _update_reading(read, epochs_run=self._config.epochs)

    def _gradient(self, update: _Update, minibatch: Minibatch) -> tuple[BatchReading, StepReading]:
        """Put the clipped gradient of one minibatch into the weights' grad fields, and read its statistics."""
        evaluation = evaluate(self._policy, update.rollout.rows(minibatch.envs_b))
        inputs = update.prepared.inputs.rows(minibatch.envs_b)
        if not minibatch.counted:
            inputs = inputs.without_weight()
        losses = ppo_losses(evaluation, inputs, update.coefficients, self.ranks)
        display = self._display_losses(evaluation, inputs, update, minibatch)
        self.optimizer.zero_grad()
        (losses.total + display.total).backward()
        self.ranks.sum_gradients(list(self._policy.parameters()))
        norms = self._clip_gradients()
        return _read(update.prepared.statistics, pack_step(losses, display, norms))

    def _display_losses(
        self, evaluation: Evaluation, inputs: LossInputs, update: _Update, minibatch: Minibatch
    ) -> DisplayLosses:
        """The losses of the display heads, whose gradients end at their own weights."""
        op_value = op_value_loss(
            evaluation.op_values_eto, inputs.ops_et, inputs.targets_et, inputs.value_weight_et, self.ranks.sum
        )
        total = OP_VALUE_SHARE * update.coefficients.value * op_value
        head = self._policy.contributions
        if head is None:
            return DisplayLosses(total=total, op_value=op_value, contribution=torch.full_like(op_value, float("nan")))
        epochs = inputs.ops_et.shape[1]
        keep_btw = head.dropout(minibatch.size, epochs, update.dropout).to(self._device)[minibatch.places_b]
        predicted_ets = head(evaluation.states_etr, keep_btw)
        contribution = contribution_loss(predicted_ets, inputs.contribution_targets_ets, self.ranks.sum)
        total = total + contribution_coefficient(self.progress.decisions) * contribution
        return DisplayLosses(total=total, op_value=op_value, contribution=contribution)

    def _clip_gradients(self) -> GradientNorms:
        """Clip what acts and what is only displayed separately, so that a display head never shortens a step."""
        head_h = torch.stack([_gradient_norm(self._policy.head_parameters(head)) for head in Head])
        limit = self._config.max_grad_norm
        return GradientNorms(
            policy=nn.utils.clip_grad_norm_(self._policy.acting_parameters(), limit),
            display=nn.utils.clip_grad_norm_(self._policy.display_parameters(), limit),
            head_h=head_h,
        )

    def _minibatches(self, rollout: RolloutTensors, generator: torch.Generator) -> Sequence[Minibatch]:
        """The env axis in random order, cut into minibatches of whole episodes."""
        envs, device = len(rollout.rewards_et), rollout.rewards_et.device
        return draw_minibatches(envs, self._config.minibatches, generator, device, self.ranks)


def _update_reading(
    read: Sequence[tuple[BatchReading, StepReading]],
    *,
    epochs_run: int,
    early_stopped: bool = False,
    skipped: SkipCause | None = None,
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
    """Copy the statistics of one gradient step to the CPU. Only here does the update wait for the device."""
    row = cast("list[float]", torch.cat((batch, step)).tolist())
    readings = BatchReading.unpack(row[: len(batch)]), StepReading.unpack(row[len(batch) :])
    # NaN is not a disagreement: the step is not finite, and the update will be skipped.
    assert not readings[0].reference_error > _MAX_REFERENCE_ERROR, (
        "rollout and update disagree about the log-probability of an action: hidden states, masks or observations in "
        "the buffer are not those that the policy acted on"
    )
    return readings
