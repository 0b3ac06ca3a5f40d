"""What an epoch measured: totals on the device while it runs, and typed records after the one copy of the epoch.

Legend: E envs, V branches (fleet/branches.py), S slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy, SlotMask
from esper.fleet.branches import Branch
from esper.fleet.gradients import STATISTICS


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainTotals:
    """One training epoch, on the device.

    There is one prediction per image, or per token of a language task.

    loss_e: the sum of the cross-entropy over predictions.
    correct_e: the number of correct predictions.
    predictions: the number of predictions per env.
    host_norm_e, gradients_es4: means over the epoch's readings (gradients.py).
    running_es: the slots with a seed in the forward path. Only for them does gradients_es4 mean anything.
    """

    loss_e: Tensor
    correct_e: Tensor
    predictions: int
    host_norm_e: Tensor
    gradients_es4: Tensor
    running_es: tuple[SlotMask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationTotals:
    """One pass over a held-out split, on the device.

    loss_e: the sum of the cross-entropy over predictions, for the network as it is.
    correct_v: the number of correct predictions of each branch, which is an env with a choice of its active seeds on.
    predictions: the number of predictions per env.
    """

    loss_e: Tensor
    correct_v: Tensor
    predictions: int
    branches: tuple[Branch, ...]
    active_es: tuple[SlotMask, ...]
    committed_es: tuple[SlotMask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGradient:
    """The gradient of one seed before clipping, as means over the epoch's readings.

    norm: the L2 norm.
    vanishing_fraction: the share of its parameter tensors with a norm below 1e-7.
    exploding_fraction: the share of its parameter tensors with a norm above 50.
    ratio: (norm / host norm) * sqrt(host parameters / seed parameters), at most 10, not smoothed.
    """

    norm: float
    vanishing_fraction: float
    exploding_fraction: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvMeasurement:
    """What one epoch measured for one env. Losses are means over predictions, accuracies are in percent.

    The training values are None if only an evaluation was collected.

    host_grad_norm: the mean over the epoch's readings, before clipping.
    gradients: one per slot, None where no seed ran.
    """

    train_loss: float | None
    train_accuracy: float | None
    val_loss: float
    host_grad_norm: float | None
    counterfactual: CounterfactualMatrix
    gradients: tuple[SeedGradient | None, ...]

    @property
    def val_accuracy(self) -> float:
        """The accuracy of the network as it is, in percent."""
        return self.counterfactual.main


def collect(train: TrainTotals | None, evaluation: EvaluationTotals) -> tuple[EnvMeasurement, ...]:
    """Copy an epoch's totals from the device at once, and make one record per env.

    This is the only device-to-host copy of an epoch, and it waits for the device.
    """
    # One copy costs about as much as one number, so everything is packed into one flat tensor. _measurement and
    # _gradients unpack it by position: per env the loss, then, if the epoch trained, the training loss, the number of
    # correct predictions, the host's gradient norm and four numbers per slot. The branches' counts follow at the end,
    # because their number differs between envs. float64 holds the counts exactly.
    envs = len(evaluation.active_es)
    columns_e = [evaluation.loss_e[:, None]]
    if train is not None:
        columns_e += [train.loss_e[:, None], train.correct_e[:, None], train.host_norm_e[:, None]]
        columns_e += [train.gradients_es4.flatten(1)]
    per_env = torch.cat([column.to(torch.float64) for column in columns_e], dim=1)
    flat = torch.cat([per_env.flatten(), evaluation.correct_v.to(torch.float64)])
    numbers = cast(list[float], flat.cpu().tolist())
    width = per_env.shape[1]
    accuracies = _accuracies(numbers[envs * width :], evaluation)
    rows = (numbers[env * width : (env + 1) * width] for env in range(envs))
    return tuple(_measurement(env, row, accuracies[env], train, evaluation) for env, row in enumerate(rows))


def _accuracies(correct: list[float], evaluation: EvaluationTotals) -> list[tuple[MaskedAccuracy, ...]]:
    """The measured accuracies of each env, in percent."""
    found: list[list[MaskedAccuracy]] = [[] for _ in evaluation.active_es]
    for branch, count in zip(evaluation.branches, correct, strict=True):
        accuracy = 100.0 * count / evaluation.predictions
        found[branch.env].append(MaskedAccuracy(slots_on=branch.slots_on, accuracy=accuracy))
    return [tuple(measurements) for measurements in found]


def _measurement(
    env: int,
    row: list[float],
    measurements: tuple[MaskedAccuracy, ...],
    train: TrainTotals | None,
    evaluation: EvaluationTotals,
) -> EnvMeasurement:
    val_loss, rest = row[0], row[1:]
    active = evaluation.active_es[env]
    return EnvMeasurement(
        train_loss=None if train is None else rest[0] / train.predictions,
        train_accuracy=None if train is None else 100.0 * rest[1] / train.predictions,
        val_loss=val_loss / evaluation.predictions,
        host_grad_norm=None if train is None else rest[2],
        counterfactual=CounterfactualMatrix(
            active=active, committed=evaluation.committed_es[env], measurements=measurements
        ),
        gradients=(None,) * len(active) if train is None else _gradients(rest[3:], train.running_es[env]),
    )


def _gradients(numbers: list[float], running: SlotMask) -> tuple[SeedGradient | None, ...]:
    gradients: list[SeedGradient | None] = []
    for slot, ran in enumerate(running):
        norm, vanishing, exploding, ratio = numbers[slot * STATISTICS : (slot + 1) * STATISTICS]
        gradient = SeedGradient(norm=norm, vanishing_fraction=vanishing, exploding_fraction=exploding, ratio=ratio)
        gradients.append(gradient if ran else None)
    return tuple(gradients)
