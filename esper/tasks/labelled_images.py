"""From the labelled images of a published data set, with its official test split, to a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData, channel_statistics
from esper.tasks.splitting import random_state, stratified

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images and their labels, both as uint8."""

    images_nchw: Bytes
    labels_n: Bytes


def check_labels(source: str, labels_n: Bytes, num_classes: int) -> None:
    """Check that all labels are below num_classes.

    source: the file's name, for the message.

    Raises:
        ConfigError: a label is too large.
    """
    if len(labels_n) and int(labels_n.max()) >= num_classes:
        raise ConfigError(
            f"{source} has label {int(labels_n.max())}, but labels go from 0 to {num_classes - 1}: it is damaged, or "
            "another data set's file; fetch it again"
        )


def build_task(
    config: TaskConfig, seed: int, *, num_classes: int, train: LabelledImages, test: LabelledImages
) -> TaskData:
    """Split validation off the training images, stratified by class. The test split stays as published.

    The same seed gives the same split.

    Raises:
        ConfigError: there are too few samples to split.
    """
    labels = train.labels_n.astype(np.int64)
    kept, taken = stratified(
        np.arange(len(labels)), labels, config.validation_fraction, random_state(seed, config.name, "validation")
    )
    images, targets = torch.from_numpy(train.images_nchw), torch.from_numpy(labels)

    def take(indices: NDArray[np.int64]) -> Split:
        chosen = torch.from_numpy(indices)
        return Split(inputs=images[chosen], targets=targets[chosen])

    train_split = take(kept)
    mean, deviation = channel_statistics(train_split.inputs)
    return TaskData(
        name=config.name,
        num_classes=num_classes,
        train=train_split,
        validation=take(taken),
        test=Split(inputs=torch.from_numpy(test.images_nchw), targets=torch.from_numpy(test.labels_n.astype(np.int64))),
        mean=mean,
        standard_deviation=deviation,
    )
