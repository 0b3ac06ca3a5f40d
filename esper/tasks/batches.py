"""Minibatches for a whole fleet, cut from data that stays on the device.

Legend: E envs, R rows (E, or 1 when all envs share their samples), B minibatch, C channels, L tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.errors import ConfigError
from esper.layers.batch import Minibatch
from esper.tasks.augmentation import crop_and_flip, draw_crop_and_flip
from esper.tasks.data import Split, TaskData
from esper.tasks.own_data import OwnData


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """Which samples one row of envs sees in an epoch of s steps, and how they are augmented (docs/guides/tasks.md).

    order_sb: sample indices.
    choices_sb3: see draw_crop_and_flip; its last axis is empty without augmentation.
    """

    order_sb: Tensor
    choices_sb3: Tensor


class BatchSource:
    """Serves a task's splits to E envs.

    With one generator, every env gets the same minibatches, as expanded views without a copy per env. With E
    generators, each env gets its own order and augmentation, which depend on its own generator alone.
    """

    def __init__(
        self,
        data: TaskData,
        *,
        envs: int,
        batch_size: int,
        evaluation_batch_size: int,
        steps: int,
        augment: bool = False,
    ) -> None:
        """Take minibatches from a task's data.

        steps: the number of training steps per epoch; 0 means as many full minibatches as one pass holds.
        augment: whether to crop and mirror training images at random.

        Raises:
            ConfigError: a minibatch is larger than the training split, or augmentation is requested for tokens.
        """
        if batch_size > len(data.train):
            raise ConfigError(
                f"fleet.batch_size is {batch_size}: task {data.name} has only {len(data.train)} training samples"
            )
        if augment and data.has_tokens:
            raise ConfigError(f"task.augment crops and mirrors images: task {data.name} has none; set it to false")
        device = data.train.inputs.device
        self._data = data
        self._envs = envs
        self._batch_size = batch_size
        self._augment = augment
        self.steps_per_epoch = steps or len(data.train) // batch_size
        self._mean_c11 = torch.tensor(data.mean, device=device).view(-1, 1, 1)
        self._scale_c11 = 1.0 / torch.tensor(data.standard_deviation, device=device).view(-1, 1, 1)
        self._validation = self._whole(data.validation, evaluation_batch_size)
        self._test = self._whole(data.test, evaluation_batch_size)

    @property
    def images_per_epoch(self) -> int:
        """The number of training samples, which are images or sequences, that one env sees in one epoch."""
        return self.steps_per_epoch * self._batch_size

    @property
    def validation_predictions(self) -> int:
        """The number of predictions that one validation pass makes for one env: one per image, or one per token."""
        return sum(batch.targets[0].numel() for batch in self._validation)

    def train(self, generators: Sequence[torch.Generator], own: OwnData | None = None) -> Iterator[Minibatch]:
        """One epoch of training minibatches in fresh random order.

        generators: one generator for all envs, or one per env.
        own: the data of each env; None shows all of them the whole split.
        """
        plans = [self._plan(generator) for generator in generators]
        orders = torch.stack([plan.order_sb for plan in plans])
        choices = torch.stack([plan.choices_sb3 for plan in plans])
        for step in range(self.steps_per_epoch):
            yield self._gather(orders[:, step], choices[:, step], own)

    def validation(self) -> Sequence[Minibatch]:
        """The validation split, the same for every env, in fixed order."""
        return self._validation

    def test(self) -> Sequence[Minibatch]:
        """The test split, the same for every env, in fixed order."""
        return self._test

    def _plan(self, generator: torch.Generator) -> EpochPlan:
        """Draw one epoch: as many permutations as it takes, cut into minibatches, and then the augmentation."""
        samples = len(self._data.train)
        needed = self.images_per_epoch
        passes = [torch.randperm(samples, generator=generator) for _ in range(-(-needed // samples))]
        order = torch.cat(passes)[:needed].view(self.steps_per_epoch, self._batch_size)
        if self._augment:
            choices = draw_crop_and_flip(self.steps_per_epoch, self._batch_size, generator)
        else:
            choices = torch.empty(self.steps_per_epoch, self._batch_size, 0)
        device = self._data.train.inputs.device
        return EpochPlan(order_sb=order.to(device), choices_sb3=choices.to(device))

    def _gather(self, rows_rb: Tensor, choices_rb3: Tensor, own: OwnData | None) -> Minibatch:
        """Cut one minibatch for R rows of indices. A single row is shared by all envs, unless they have own data."""
        if own is not None:
            rows_rb = own.samples_en.gather(1, rows_rb.expand(self._envs, -1))
            choices_rb3 = choices_rb3.expand(self._envs, -1, -1)
        rows, size = rows_rb.shape
        index = rows_rb.reshape(-1)
        inputs = self._data.train.inputs.index_select(0, index)
        if self._augment:
            inputs = crop_and_flip(inputs, choices_rb3.flatten(0, 1))
        if own is None:
            targets = self._data.train.targets.index_select(0, index)
        else:
            targets = own.targets_en.gather(1, rows_rb).flatten()
        return self._minibatch(inputs.view(rows, size, *inputs.shape[1:]), targets.view(rows, size, *targets.shape[1:]))

    def _whole(self, split: Split, size: int) -> tuple[Minibatch, ...]:
        return tuple(
            self._minibatch(
                split.inputs[start : start + size].unsqueeze(0), split.targets[start : start + size].unsqueeze(0)
            )
            for start in range(0, len(split), size)
        )

    def _minibatch(self, inputs_rb: Tensor, targets_rb: Tensor) -> Minibatch:
        """Normalised images with labels, or tokens as indices. A single row stands for every env."""
        inputs = inputs_rb.long() if self._data.has_tokens else self._normalise(inputs_rb)
        targets = targets_rb.long()
        return Minibatch(
            inputs=inputs.expand(self._envs, *inputs.shape[1:]),
            targets=targets.expand(self._envs, *targets.shape[1:]),
        )

    def _normalise(self, images: Tensor) -> Tensor:
        return (images.to(torch.float32) - self._mean_c11) * self._scale_c11
