"""What a task is: three disjoint splits of labelled images or of token sequences, ready to sit on a device.

Legend: N samples, C channels, L tokens per sequence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Samples and what a host should answer.

    Images: inputs uint8 [N, C, H, W], targets int64 [N] (the label). Tokens: inputs [N, L] and targets [N, L] (each
    next token), of one integer type; they may be views of one stream.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        assert self.inputs.ndim in (2, 4)
        assert len(self.targets) == len(self.inputs)
        if self.inputs.ndim == 4:
            assert self.inputs.dtype == torch.uint8
            assert self.targets.dtype == torch.int64
            assert self.targets.ndim == 1
        else:
            assert not self.inputs.is_floating_point()
            assert self.targets.dtype == self.inputs.dtype
            assert self.targets.shape == self.inputs.shape

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> Split:
        return Split(inputs=self.inputs.to(device), targets=self.targets.to(device))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """A task's data. Rewards, gates and observations read validation; test is only reported.

    num_classes: classes, or the size of the vocabulary. mean, standard_deviation: per channel, in the units of the
    stored bytes, computed on the training split; empty for tokens.
    """

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...] = ()
    standard_deviation: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        channels = 0 if self.has_tokens else self.train.inputs.shape[1]
        assert len(self.mean) == len(self.standard_deviation) == channels

    @property
    def has_tokens(self) -> bool:
        """Samples are token sequences, not images."""
        return self.train.inputs.ndim == 2

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample: channels, height, width; or the number of tokens alone."""
        return tuple(self.train.inputs.shape[1:])

    @property
    def random_guess_loss(self) -> float:
        """Cross-entropy of a uniform guess, in nats."""
        return math.log(self.num_classes)

    def to(self, device: torch.device) -> TaskData:
        """The same task with its samples resident on device."""
        return replace(
            self, train=self.train.to(device), validation=self.validation.to(device), test=self.test.to(device)
        )


def channel_statistics(images_nchw: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of uint8 images, over all pixels; a constant channel gets 1."""
    means: list[float] = []
    deviations: list[float] = []
    values = torch.arange(256, dtype=torch.float64)
    for channel in images_nchw.unbind(1):
        shares = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        mean = float((shares * values).sum())
        deviation = float((shares * (values - mean).square()).sum().sqrt())
        means.append(mean)
        deviations.append(deviation if deviation > 0 else 1.0)
    return tuple(means), tuple(deviations)
