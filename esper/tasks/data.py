"""What a task is: three disjoint splits of labelled uint8 images, and how to normalise them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Labelled images: images_nchw uint8 [N, C, H, W], labels_n int64 [N]."""

    images_nchw: Tensor
    labels_n: Tensor

    def __post_init__(self) -> None:
        assert self.images_nchw.dtype == torch.uint8
        assert self.images_nchw.ndim == 4
        assert self.labels_n.dtype == torch.int64
        assert len(self.labels_n) == len(self.images_nchw)

    def __len__(self) -> int:
        return len(self.labels_n)

    def to(self, device: torch.device) -> Split:
        return Split(images_nchw=self.images_nchw.to(device), labels_n=self.labels_n.to(device))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """A task's data. Rewards, gates and observations read validation; test is only reported.

    mean, standard_deviation: per channel, in the units of the stored bytes, computed on the training split.
    """

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        _, channels, height, width = self.train.images_nchw.shape
        return channels, height, width

    @property
    def random_guess_loss(self) -> float:
        """Cross-entropy of a uniform guess, in nats."""
        return math.log(self.num_classes)

    def to(self, device: torch.device) -> TaskData:
        """The same task with its images resident on device."""
        return TaskData(
            name=self.name,
            num_classes=self.num_classes,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
            mean=self.mean,
            standard_deviation=self.standard_deviation,
        )


def channel_statistics(images_nchw: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all samples and pixels; a constant channel gets 1."""
    means: list[float] = []
    deviations: list[float] = []
    for channel in images_nchw.unbind(1):
        values = channel.to(torch.float32)
        deviation = float(values.std(correction=0))
        means.append(float(values.mean()))
        deviations.append(deviation if deviation > 0 else 1.0)
    return tuple(means), tuple(deviations)
