"""From the statistics of gradient steps to one PPOMetrics record.

Statistics are packed, so that one copy from the device carries them all. A statistic over nothing, for example of a
head that never mattered, is not finite on the device and None in the record.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from esper.contracts.actions import HEAD_NAMES, NUM_HEADS, Op
from esper.policy.display_heads import CONTRIBUTION_CLIP
from esper.telemetry.events import HeadUpdate, NamedValue, ObservationStats, PPOMetrics, UpdateShape
from esper.training.ppo.config import PPOConfig
from esper.training.ppo.display_losses import DisplayLosses
from esper.training.ppo.losses import LossCoefficients, Losses
from esper.training.ppo.skipped_updates import SkipCause


@dataclass(frozen=True, slots=True)
class BatchReading:
    """The statistics of the batch before the first gradient step.

    reference_error: the largest difference between a log-probability of the rollout and the recomputed one.
    op_values_o: the mean of Q(s, op) over the steps on which the op was possible, in units of the reward.
    observations: the numbers of observation_statistics.
    shape: the numbers of batch_shape.
    """

    explained_variance: float
    advantage_mean: float
    advantage_std: float
    return_mean: float
    return_std: float
    value_mean: float
    value_std: float
    reference_error: float
    relevant_fraction_h: tuple[float, ...]
    op_values_o: tuple[float, ...]
    observations: tuple[float, ...]
    shape: tuple[float, ...]

    @classmethod
    def unpack(cls, row: Sequence[float]) -> BatchReading:
        """The inverse of torch.cat((scalars, relevant_fraction_h, op_values_o, observations, shape)), in this order."""
        # One flat tensor means one copy, and so one wait for the device. Position stands for name here: the order must
        # be that of this record's fields and of the tensors that prepare_batch joins.
        ev, adv_mean, adv_std, return_mean, return_std, value_mean, value_std, error, *rest = row
        relevant, rest = tuple(rest[:NUM_HEADS]), rest[NUM_HEADS:]
        op_values, rest = tuple(rest[: len(Op)]), rest[len(Op) :]
        seen = len(fields(ObservationStats))
        scalars = (ev, adv_mean, adv_std, return_mean, return_std, value_mean, value_std, error)
        return cls(*scalars, relevant, op_values, tuple(rest[:seen]), tuple(rest[seen:]))


@dataclass(frozen=True, slots=True)
class StepReading:
    """The statistics of one gradient step. Names that end in _h hold one number per head.

    contribution_loss: not finite without a contribution head.
    """

    total_loss: float
    policy_loss: float
    value_loss: float
    entropy_loss: float
    entropy: float
    kl: float
    clip_fraction: float
    clip_up_fraction: float
    ratio_max: float
    ratio_min: float
    gradient_norm: float
    floor_penalty: float
    op_value_loss: float
    contribution_loss: float
    display_gradient_norm: float
    entropy_h: tuple[float, ...]
    ratio_max_h: tuple[float, ...]
    clip_fraction_h: tuple[float, ...]
    gradient_norm_h: tuple[float, ...]

    @property
    def finite(self) -> bool:
        """Whether the weights may be stepped."""
        return all(map(math.isfinite, (self.total_loss, self.gradient_norm, self.display_gradient_norm)))

    @classmethod
    def unpack(cls, row: Sequence[float]) -> StepReading:
        """The inverse of pack_step."""
        # As in BatchReading, position stands for name. All numbers are named once more, although the fields have the
        # same order, so that a number that is added to only one side fails here, by its count.
        total, policy, value, entropy_loss, entropy, kl, clip, clip_up, ratio_max, ratio_min, norm, *rest = row
        floor, op_value, contribution, display, *rest = rest
        heads = [tuple(rest[i * NUM_HEADS : (i + 1) * NUM_HEADS]) for i in range(4)]
        acting = (total, policy, value, entropy_loss, entropy, kl, clip, clip_up, ratio_max, ratio_min, norm, floor)
        return cls(*acting, op_value, contribution, display, *heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNorms:
    """Gradient norms before clipping.

    policy: the norm over everything that acts, and the critic.
    head_h: the norm of each action head.
    """

    policy: Tensor
    display: Tensor
    head_h: Tensor


def pack_step(losses: Losses, display: DisplayLosses, norms: GradientNorms) -> Tensor:
    """The numbers of a StepReading as one tensor, in the order of its fields."""
    ratios = losses.ratios
    scalars = (
        losses.total.detach(),
        losses.policy.detach(),
        losses.value.detach(),
        losses.entropy_loss.detach(),
        losses.entropy,
        ratios.kl,
        ratios.clip_fraction,
        ratios.clip_up_fraction,
        ratios.maximum,
        ratios.minimum,
        norms.policy,
        losses.floor_penalty.detach(),
        display.op_value.detach(),
        display.contribution.detach(),
        norms.display,
    )
    heads = (losses.entropy_h, ratios.maximum_h, ratios.clip_fraction_h, norms.head_h)
    return torch.cat((torch.stack(scalars), *heads))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReading:
    """Everything that one PPO update measured.

    steps: the gradient steps, including the one that stopped the update.
    """

    batch: BatchReading
    steps: tuple[StepReading, ...]
    epochs_run: int
    early_stopped: bool
    skipped: SkipCause | None


def skip_cause(batch: BatchReading, step: StepReading) -> SkipCause:
    """The first thing that is not finite, in an order in which each follows from the one before."""
    causes = (
        (batch.value_mean, SkipCause.VALUES),
        (batch.return_mean, SkipCause.RETURNS),
        (step.policy_loss, SkipCause.POLICY_LOSS),
        (step.value_loss, SkipCause.VALUE_LOSS),
        (step.entropy_loss, SkipCause.ENTROPY_LOSS),
        (step.gradient_norm, SkipCause.GRADIENT),
    )
    return next((cause for value, cause in causes if not math.isfinite(value)), SkipCause.DISPLAY_GRADIENT)


def update_metrics(
    reading: UpdateReading, config: PPOConfig, coefficients: LossCoefficients, update_time_ms: float
) -> PPOMetrics:
    """The record of an update.

    Losses, entropies, norms and clip fractions are means over the gradient steps. Ratios are extremes, and the
    divergence is that of the last step. The record of a skipped update holds only what the rollout shows.
    """
    skipped = reading.skipped is not None
    batch, steps = reading.batch, () if skipped else reading.steps
    return PPOMetrics(
        skipped=skipped,
        skip_cause=reading.skipped,
        policy_loss=_mean([step.policy_loss for step in steps]),
        value_loss=_mean([step.value_loss for step in steps]),
        entropy_loss=_mean([step.entropy_loss for step in steps]),
        total_loss=_mean([step.total_loss for step in steps]),
        entropy=_mean([step.entropy for step in steps]),
        kl_divergence=steps[-1].kl if steps else None,
        clip_fraction=_mean([step.clip_fraction for step in steps]),
        explained_variance=_measured(batch.explained_variance),
        ratio_max=max(_finite([step.ratio_max for step in steps]), default=None),
        ratio_min=min(_finite([step.ratio_min for step in steps]), default=None),
        gradient_norm=_mean([step.gradient_norm for step in steps]),
        learning_rate=config.learning_rate,
        entropy_coef=coefficients.entropy,
        value_coef=coefficients.value,
        entropy_floor_penalty=_mean([step.floor_penalty for step in steps]),
        op_value_loss=_mean([step.op_value_loss for step in steps]),
        op_values=tuple(
            NamedValue(name=op.name, value=_measured(value)) for op, value in zip(Op, batch.op_values_o, strict=True)
        ),
        contribution_error=_contribution_error([step.contribution_loss for step in steps]),
        advantage_mean=_measured(batch.advantage_mean),
        advantage_std=_measured(batch.advantage_std),
        return_mean=_measured(batch.return_mean),
        return_std=_measured(batch.return_std),
        value_mean=_measured(batch.value_mean),
        value_std=_measured(batch.value_std),
        epochs_run=reading.epochs_run,
        early_stopped=reading.early_stopped,
        update_time_ms=update_time_ms,
        heads=tuple(_head_update(name, head, batch, steps) for head, name in enumerate(HEAD_NAMES)),
        observations=_observation_stats(batch.observations),
        shape=_update_shape(batch.shape, _mean([step.clip_up_fraction for step in steps])),
    )


def _update_shape(numbers: Sequence[float], clip_up_share: float | None) -> UpdateShape:
    names = (item.name for item in fields(UpdateShape) if item.name != "clip_up_share")
    values = {name: _measured(value) for name, value in zip(names, numbers, strict=True)}
    return UpdateShape(**values, clip_up_share=clip_up_share)


def _observation_stats(numbers: Sequence[float]) -> ObservationStats:
    names = (item.name for item in fields(ObservationStats))
    return ObservationStats(**{name: _measured(value) for name, value in zip(names, numbers, strict=True)})


def _head_update(name: str, head: int, batch: BatchReading, steps: Sequence[StepReading]) -> HeadUpdate:
    mattered = batch.relevant_fraction_h[head] > 0
    return HeadUpdate(
        head=name,
        entropy=_mean([step.entropy_h[head] for step in steps]),
        gradient_norm=_mean([step.gradient_norm_h[head] for step in steps]) if mattered else None,
        ratio_max=max(_finite([step.ratio_max_h[head] for step in steps]), default=None),
        clip_fraction=_mean([step.clip_fraction_h[head] for step in steps]),
        relevant_fraction=batch.relevant_fraction_h[head],
    )


def _contribution_error(losses: list[float]) -> float | None:
    """The root mean squared error in percentage points, from losses that are half a mean squared error of the clip."""
    loss = _mean(losses)
    return None if loss is None else CONTRIBUTION_CLIP * math.sqrt(2.0 * loss)


def _finite(values: list[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _measured(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(values: list[float]) -> float | None:
    """The mean over the steps that measured something."""
    measured = _finite(values)
    return sum(measured) / len(measured) if measured else None
