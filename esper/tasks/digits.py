"""The embedded default: 1,797 real handwritten digits, 8x8 grey, that ship with scikit-learn.

Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998), the part that scikit-learn bundles.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from esper.contracts.randomness import derive_seed
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData, channel_statistics


def load(config: TaskConfig, seed: int) -> TaskData:
    """Read the digits and split them, stratified by class; the same seed gives the same split."""
    images, labels = load_digits(return_X_y=True)
    order = np.arange(len(labels))
    rest, test = train_test_split(
        order, test_size=config.test_fraction, stratify=labels, random_state=_random_state(seed, "test")
    )
    share = config.validation_fraction / (1.0 - config.test_fraction)
    train, validation = train_test_split(
        rest, test_size=share, stratify=labels[rest], random_state=_random_state(seed, "validation")
    )
    pixels = torch.from_numpy(np.ascontiguousarray(images, dtype=np.uint8).reshape(-1, 1, 8, 8))
    targets = torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64))

    def take(indices: np.ndarray) -> Split:
        chosen = torch.from_numpy(indices)
        return Split(images_nchw=pixels[chosen], labels_n=targets[chosen])

    train_split = take(train)
    mean, deviation = channel_statistics(train_split.images_nchw)
    return TaskData(
        name="digits",
        num_classes=10,
        train=train_split,
        validation=take(validation),
        test=take(test),
        mean=mean,
        standard_deviation=deviation,
    )


def _random_state(seed: int, name: str) -> int:
    """scikit-learn takes 32-bit seeds."""
    return derive_seed(seed, "digits split", name) % 2**32
