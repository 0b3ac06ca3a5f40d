"""What a task is: three disjoint splits of labelled images or of token sequences, ready to sit on a device.

Legend: N samples, C channels, L tokens per sequence.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Samples, and what a host should answer.

    inputs: uint8 or float32 [N, C, H, W] for images, [N, L] for tokens.
    targets: int64 [N] with the labels of images. For tokens, [N, L] with each next token, of the same integer type as
        the inputs; both may be views of one stream.

    Raises:
        ValueError: the tensors do not go together.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        problem = _image_problem(self) if self.inputs.ndim == 4 else _token_problem(self)
        if problem:
            raise ValueError(
                f"a split has inputs {self.inputs.dtype} {tuple(self.inputs.shape)} and targets {self.targets.dtype} "
                f"{tuple(self.targets.shape)}: {problem}"
            )

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> Split:
        return Split(inputs=self.inputs.to(device), targets=self.targets.to(device))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """A task's data. Rewards, gates and observations read the validation split; the test split is only reported.

    num_classes: the number of classes, or the size of the vocabulary.
    mean, standard_deviation: per channel, in the units of the stored values, computed on the training split; empty for
        tokens.
    """

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...] = ()
    standard_deviation: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, split in (("validation", self.validation), ("test", self.test)):
            if split.inputs.shape[1:] != self.train.inputs.shape[1:]:
                raise ValueError(
                    f"task {self.name} trains on samples of shape {self.input_shape}, but its {name} samples have the "
                    f"shape {tuple(split.inputs.shape[1:])}: all splits must be alike"
                )
        channels = 0 if self.has_tokens else self.train.inputs.shape[1]
        if not len(self.mean) == len(self.standard_deviation) == channels:
            raise ValueError(
                f"task {self.name} has {len(self.mean)} means and {len(self.standard_deviation)} standard deviations: "
                f"it needs {channels} of each, one per channel"
            )

    @property
    def has_tokens(self) -> bool:
        """Whether the samples are token sequences and not images."""
        return self.train.inputs.ndim == 2

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample: channels, height and width, or the number of tokens alone."""
        return tuple(self.train.inputs.shape[1:])

    @property
    def random_guess_loss(self) -> float:
        """The cross-entropy of a uniform guess, in nats."""
        return math.log(self.num_classes)

    def to(self, device: torch.device) -> TaskData:
        """The same task with its samples on a device."""
        return replace(
            self, train=self.train.to(device), validation=self.validation.to(device), test=self.test.to(device)
        )


def data_digest(data: TaskData) -> str:
    """The SHA-256, in hexadecimal, of every sample and target of every split, with types and shapes.

    data: on the CPU.
    """
    sha = hashlib.sha256()
    for split in (data.train, data.validation, data.test):
        for tensor in (split.inputs, split.targets):
            sha.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
            sha.update(tensor.contiguous().numpy().data)
    return sha.hexdigest()


def _image_problem(split: Split) -> str | None:
    """What is wrong with a split whose inputs have four axes."""
    if split.inputs.dtype not in (torch.uint8, torch.float32):
        return "images must be uint8 or float32; task_from_arrays takes any numbers"
    if split.targets.dtype != torch.int64:
        return "labels must be int64; task_from_arrays takes any integers"
    if split.targets.shape != split.inputs.shape[:1]:
        return "there must be one label per image"
    return None


def _token_problem(split: Split) -> str | None:
    """What is wrong with a split whose inputs have any other number of axes."""
    if split.inputs.ndim != 2:
        return "inputs must be images [N, C, H, W] or tokens [N, L]"
    if split.inputs.is_floating_point() or split.targets.dtype != split.inputs.dtype:
        return "tokens and next tokens must have the same integer type"
    if split.targets.shape != split.inputs.shape:
        return "there must be one next token per token"
    return None


def channel_statistics(images_nchw: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and the standard deviation of each channel of uint8 or float32 images, over all pixels.

    A constant channel has the standard deviation 1.
    """
    moments = [
        _float_moments(channel) if channel.is_floating_point() else _byte_moments(channel)
        for channel in images_nchw.unbind(1)
    ]
    return tuple(mean for mean, _ in moments), tuple(deviation or 1.0 for _, deviation in moments)


def _byte_moments(channel: Tensor) -> tuple[float, float]:
    """Mean and standard deviation from the counts of the 256 values, without a copy in floats."""
    values = torch.arange(256, dtype=torch.float64)
    shares = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
    mean = float((shares * values).sum())
    return mean, float((shares * (values - mean).square()).sum().sqrt())


def _float_moments(channel: Tensor) -> tuple[float, float]:
    values = channel.double()
    return float(values.mean()), float(values.std(correction=0))
