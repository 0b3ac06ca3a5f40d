"""A task from arrays of your own: numpy arrays or torch tensors of images, in any of the usual layouts.

Legend: N samples, C channels.
"""

from __future__ import annotations

from typing import Final, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData, channel_statistics
from esper.tasks.splitting import random_state, stratified

Channels = Literal["first", "last"]
Array = NDArray[np.generic] | Tensor
Pair = tuple[Array, Array]

_USUAL_CHANNELS: Final = (1, 3, 4)
_TORCH_TYPES: Final = {"b": np.uint8, "u": np.int64, "i": np.int64, "f": np.float32}
"""By numpy's kind of a type: a type that holds its values and that torch computes with."""


def task_from_arrays(
    train: Pair,
    validation: Pair | None = None,
    test: Pair | None = None,
    *,
    config: TaskConfig | None = None,
    seed: int = 42,
    num_classes: int | None = None,
    channels: Channels | None = None,
) -> TaskData:
    """The task of labelled images.

    train, validation, test: images and labels. Images are bytes (any integers from 0 to 255) or floats of any range,
        [N, H, W] or with a channel axis; labels are integers from 0. A split that is left out is drawn from train,
        stratified by class.
    config: gives the task's name, and the shares of the splits that are left out.
    seed: decides how splits that are left out are drawn.
    num_classes: the number of classes; None means the largest label plus one.
    channels: whether the channel axis is the first or the last one of an image; None finds the axis that has 1, 3 or 4
        entries.

    Raises:
        ConfigError: an array has a type, a shape or values that do not fit; the message says what it has.
    """
    settings = config or TaskConfig(name="arrays")
    splits = {
        name: _read(name, pair, channels)
        for name, pair in (("train", train), ("validation", validation), ("test", test))
        if pair is not None
    }
    if test is None:
        splits["train"], splits["test"] = _draw(splits["train"], settings.test_fraction, settings.name, "test", seed)
    if validation is None:
        rest = 1.0 if test is not None else 1.0 - settings.test_fraction
        share = settings.validation_fraction / rest
        splits["train"], splits["validation"] = _draw(splits["train"], share, settings.name, "validation", seed)
    _check_alike(splits)
    mean, deviation = channel_statistics(splits["train"].inputs)
    return TaskData(
        name=settings.name,
        num_classes=_count_classes(splits, num_classes),
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        mean=mean,
        standard_deviation=deviation,
    )


def _draw(split: Split, share: float, name: str, part: str, seed: int) -> tuple[Split, Split]:
    labels = split.targets.numpy()
    state = random_state(seed, name, part)
    kept, taken = (torch.from_numpy(chosen) for chosen in stratified(np.arange(len(labels)), labels, share, state))
    return (
        Split(inputs=split.inputs[kept], targets=split.targets[kept]),
        Split(inputs=split.inputs[taken], targets=split.targets[taken]),
    )


def _read(name: str, pair: Pair, channels: Channels | None) -> Split:
    kind = type(cast("object", pair))  # Callers without a type checker may pass anything.
    if not issubclass(kind, tuple | list) or len(pair) != 2:
        raise ConfigError(f"{name} is a {kind.__name__}: give a tuple of two arrays, the images and their labels")
    images = _channels_first(name, _image_values(name, _tensor(f"{name} images", pair[0])), channels)
    labels = _labels(name, _tensor(f"{name} labels", pair[1]))
    if len(images) != len(labels):
        raise ConfigError(
            f"{name} has {len(images)} images and {len(labels)} labels: there must be one label per image"
        )
    if not len(images):
        raise ConfigError(f"{name} has no images: give at least one of each class")
    return Split(inputs=images, targets=labels)


def _tensor(what: str, array: Array) -> Tensor:
    """The array as a tensor on the CPU."""
    if isinstance(array, Tensor):
        return array.detach().cpu()
    given = cast("object", array)
    if not isinstance(given, np.ndarray):
        raise ConfigError(f"{what} are a {type(given).__name__}: give a numpy array or a torch tensor")
    values = cast("NDArray[np.generic]", given)
    if values.dtype.kind not in "buif":
        raise ConfigError(f"{what} are a numpy array of {values.dtype}: give numbers of one type")
    # torch knows neither foreign byte orders nor every unsigned type.
    return torch.from_numpy(np.ascontiguousarray(values, dtype=_TORCH_TYPES[values.dtype.kind]))


def _image_values(name: str, images: Tensor) -> Tensor:
    """The images as bytes or as float32."""
    if images.is_floating_point():
        if not images.isfinite().all():
            raise ConfigError(f"{name} images hold values that are not finite: replace them")
        return images.float()
    if images.numel() and not 0 <= int(images.min()) <= int(images.max()) <= 255:
        raise ConfigError(
            f"{name} images are integers from {int(images.min())} to {int(images.max())}: they "
            "must lie between 0 and 255; convert other values to float32"
        )
    return images.to(torch.uint8)


def _channels_first(name: str, images: Tensor, channels: Channels | None) -> Tensor:
    """The images as [N, C, H, W]."""
    shape = tuple(images.shape)
    if images.ndim == 3:
        return images.unsqueeze(1).contiguous()
    if images.ndim != 4:
        raise ConfigError(f"{name} images have shape {shape}: give [N, H, W], [N, C, H, W] or [N, H, W, C]")
    if channels is None:
        first, last = shape[1] in _USUAL_CHANNELS, shape[3] in _USUAL_CHANNELS
        if first == last:
            raise ConfigError(
                f"{name} images have shape {shape}, which does not show where the channels are: set channels to "
                "'first' or 'last'"
            )
        channels = "first" if first else "last"
    return images.contiguous() if channels == "first" else images.permute(0, 3, 1, 2).contiguous()


def _labels(name: str, labels: Tensor) -> Tensor:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ConfigError(
            f"{name} labels have shape {tuple(labels.shape)}: give one integer per image, [N]; of one-hot rows, take "
            "argmax(1)"
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ConfigError(
            f"{name} labels are {_kind(labels)}: give integers from 0, for example labels.astype('int64')"
        )
    if len(labels) and int(labels.min()) < 0:
        raise ConfigError(f"{name} labels start at {int(labels.min())}: classes are counted from 0")
    return labels.long()


def _check_alike(splits: dict[str, Split]) -> None:
    first = splits["train"].inputs
    for name, split in splits.items():
        for what, ours, theirs in (
            ("shape", tuple(first.shape[1:]), tuple(split.inputs.shape[1:])),
            ("type", _kind(first), _kind(split.inputs)),
        ):
            if ours != theirs:
                raise ConfigError(f"{name} images have {what} {theirs}, and train images {ours}: make them alike")


def _count_classes(splits: dict[str, Split], given: int | None) -> int:
    largest = {name: int(split.targets.max()) for name, split in splits.items()}
    if given is None:
        return max(largest.values()) + 1
    for name, label in largest.items():
        if label >= given:
            raise ConfigError(f"{name} has label {label}, and num_classes is {given}: labels go from 0 to {given - 1}")
    return given


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
