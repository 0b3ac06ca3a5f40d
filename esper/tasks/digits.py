"""The default task: 1,797 real handwritten digits, 8x8 pixels in grey, which ship with scikit-learn.

They are the part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998) that scikit-learn
includes.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData, channel_statistics
from esper.tasks.splitting import random_state, stratified


def load(config: TaskConfig, seed: int) -> TaskData:
    """Read the digits and split them, stratified by class. The same seed gives the same split."""
    pixels, labels = _read()
    everything = np.arange(len(labels))
    rest, test = stratified(everything, labels, config.test_fraction, random_state(seed, "digits split", "test"))
    share = config.validation_fraction / (1.0 - config.test_fraction)
    train, validation = stratified(rest, labels, share, random_state(seed, "digits split", "validation"))

    def take(indices: NDArray[np.int64]) -> Split:
        chosen = torch.from_numpy(indices)
        return Split(inputs=pixels[chosen], targets=torch.from_numpy(labels)[chosen])

    train_split = take(train)
    mean, deviation = channel_statistics(train_split.inputs)
    return TaskData(
        name="digits",
        num_classes=10,
        train=train_split,
        validation=take(validation),
        test=take(test),
        mean=mean,
        standard_deviation=deviation,
    )


def _read() -> tuple[Tensor, NDArray[np.int64]]:
    """The images, uint8 [1797, 1, 8, 8] with values from 0 to 16, and their labels."""
    from sklearn.datasets import load_digits  # takes two seconds, and only this task needs it

    images, labels = cast("tuple[NDArray[np.float64], NDArray[np.int64]]", load_digits(return_X_y=True))
    pixels = torch.from_numpy(images.astype(np.uint8)).view(-1, 1, 8, 8)
    return pixels, labels.astype(np.int64)
