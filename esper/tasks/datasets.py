"""A task from data sets in the manner of torch (items are pairs) or Hugging Face (items are mappings)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import numpy as np
from torch import Tensor

from esper.errors import ConfigError
from esper.tasks.arrays import Array, Channels, Pair, task_from_arrays
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData


class LabelledDataset(Protocol):
    """Anything with a length whose items are (image, label), or mappings with an image and a label."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> object: ...


def task_from_dataset(
    train: LabelledDataset,
    validation: LabelledDataset | None = None,
    test: LabelledDataset | None = None,
    *,
    image: str = "image",
    label: str = "label",
    config: TaskConfig | None = None,
    seed: int = 42,
    num_classes: int | None = None,
    channels: Channels | None = None,
) -> TaskData:
    """Read whole data sets into memory, once.

    train, validation, test: an item's image is a numpy array, a torch tensor or a Pillow image. All images have one
        shape. A random augmentation in the data set would be frozen; task.augment is Esper's own.
    image, label: the columns, if items are mappings.
    config, seed, num_classes, channels: as for task_from_arrays.

    Raises:
        ConfigError: an item is of another kind, or the images do not fit; the message says what they are.
    """
    train_pair, validation_pair, test_pair = (
        None if dataset is None else _read(name, dataset, image, label)
        for name, dataset in (("train", train), ("validation", validation), ("test", test))
    )
    assert train_pair is not None
    return task_from_arrays(
        train_pair,
        validation_pair,
        test_pair,
        config=config,
        seed=seed,
        num_classes=num_classes,
        channels=channels,
    )


def _read(name: str, dataset: LabelledDataset, image: str, label: str) -> Pair:
    items = [_pair(f"{name}[{index}]", dataset[index], image, label) for index in range(len(dataset))]
    if not items:
        raise ConfigError(f"{name} has no items: give at least one of each class")
    images = [_array(pixels) for pixels, _ in items]
    shapes = sorted({array.shape for array in images})
    if len(shapes) > 1:
        raise ConfigError(f"{name} has images of shapes {shapes[0]} and {shapes[1]}: resize them to one shape")
    return np.stack(images), np.array([_array(target) for _, target in items])


def _pair(where: str, item: object, image: str, label: str) -> tuple[object, object]:
    if isinstance(item, Mapping):
        columns = cast("Mapping[str, object]", item)
        for name in (image, label):
            if name not in columns:
                raise ConfigError(f"{where} has no column {name!r}: it has {', '.join(columns)}; set image and label")
        return columns[image], columns[label]
    if not isinstance(item, tuple | list):
        raise ConfigError(f"{where} is a {type(item).__name__}: an item must be (image, label) or a mapping of columns")
    values = cast("Sequence[object]", item)
    if len(values) != 2:
        raise ConfigError(f"{where} has {len(values)} parts: an item must be (image, label) or a mapping of columns")
    return values[0], values[1]


def _array(value: object) -> Array:
    """A tensor, a number or a Pillow image as an array."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
