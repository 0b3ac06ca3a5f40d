"""Minibatches for a whole fleet, cut from data that sits on the device.

Legend: E envs, B minibatch, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

import torch
from torch import Tensor

from esper.contracts.validation import ConfigError
from esper.layers.batch import Minibatch
from esper.tasks.data import Split, TaskData


class BatchSource:
    """Serves a task's splits to E envs.

    With one generator every env gets the same minibatches, as expanded views (no copy per env); with E generators
    each env gets its own order, a function of its own generator alone.
    """

    def __init__(self, data: TaskData, *, envs: int, batch_size: int, evaluation_batch_size: int, steps: int) -> None:
        """steps: training steps per epoch; 0 = as many full minibatches as one pass holds.

        Raises:
            ConfigError: a minibatch is larger than the training split.
        """
        if batch_size > len(data.train):
            raise ConfigError(
                f"fleet.batch_size is {batch_size}: task {data.name} has only {len(data.train)} training samples"
            )
        device = data.train.images_nchw.device
        self._data = data
        self._envs = envs
        self._batch_size = batch_size
        self.steps_per_epoch = steps or len(data.train) // batch_size
        self._mean_c11 = torch.tensor(data.mean, device=device).view(-1, 1, 1)
        self._scale_c11 = 1.0 / torch.tensor(data.standard_deviation, device=device).view(-1, 1, 1)
        self._validation = self._whole(data.validation, evaluation_batch_size)
        self._test = self._whole(data.test, evaluation_batch_size)
        self._wait_seconds = 0.0

    @property
    def images_per_epoch(self) -> int:
        """Training images that one env sees in one epoch."""
        return self.steps_per_epoch * self._batch_size

    def take_wait_seconds(self) -> float:
        """Time spent cutting training minibatches since the last call of this method."""
        waited, self._wait_seconds = self._wait_seconds, 0.0
        return waited

    def train(self, generators: Sequence[torch.Generator]) -> Iterator[Minibatch]:
        """One epoch of training minibatches in fresh random order; one generator, or one per env."""
        started = perf_counter()
        orders = torch.stack([self._order(generator) for generator in generators])
        self._wait_seconds += perf_counter() - started
        for step in range(self.steps_per_epoch):
            started = perf_counter()
            batch = self._gather(orders[:, step])
            self._wait_seconds += perf_counter() - started
            yield batch

    def validation(self) -> Sequence[Minibatch]:
        """The validation split, the same for every env, in fixed order."""
        return self._validation

    def test(self) -> Sequence[Minibatch]:
        """The test split, the same for every env, in fixed order."""
        return self._test

    def _order(self, generator: torch.Generator) -> Tensor:
        """Sample indices [steps, B] for one epoch: as many permutations as it takes, cut into minibatches."""
        samples = len(self._data.train)
        needed = self.images_per_epoch
        passes = [torch.randperm(samples, generator=generator) for _ in range(-(-needed // samples))]
        order = torch.cat(passes)[:needed].view(self.steps_per_epoch, self._batch_size)
        return order.to(self._data.train.labels_n.device)

    def _gather(self, rows_rb: Tensor) -> Minibatch:
        """Cut one minibatch for R index rows; a single row is shared by all envs."""
        rows, size = rows_rb.shape
        index = rows_rb.reshape(-1)
        split = self._data.train
        inputs = self._normalise(split.images_nchw.index_select(0, index))
        inputs = inputs.view(rows, size, *inputs.shape[1:])
        targets = split.labels_n.index_select(0, index).view(rows, size)
        return self._shared(inputs, targets) if rows == 1 else Minibatch(inputs=inputs, targets=targets)

    def _whole(self, split: Split, size: int) -> tuple[Minibatch, ...]:
        starts = range(0, len(split), size)
        return tuple(
            self._shared(
                self._normalise(split.images_nchw[start : start + size]).unsqueeze(0),
                split.labels_n[start : start + size].unsqueeze(0),
            )
            for start in starts
        )

    def _shared(self, inputs_1b: Tensor, targets_1b: Tensor) -> Minibatch:
        return Minibatch(
            inputs=inputs_1b.expand(self._envs, *inputs_1b.shape[1:]),
            targets=targets_1b.expand(self._envs, -1),
        )

    def _normalise(self, images: Tensor) -> Tensor:
        return (images.to(torch.float32) - self._mean_c11) * self._scale_c11
