"""The default task: 1,797 real handwritten digits, 8x8 pixels in grey, which ship with scikit-learn.

They are the part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998) that scikit-learn
includes.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
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
    """The images, uint8 [1797, 1, 8, 8] with values from 0 to 16, and their labels.

    scikit-learn's file is read without scikit-learn, whose import costs two seconds. A version that keeps the digits
    elsewhere is asked for them.
    """
    file = _data_file()
    table = _asked_for() if file is None else np.loadtxt(file, delimiter=",", dtype=np.uint8)
    pixels = torch.from_numpy(np.ascontiguousarray(table[:, :-1])).view(-1, 1, 8, 8)
    return pixels, table[:, -1].astype(np.int64)


def _data_file() -> Path | None:
    """The digits in the installed scikit-learn: one image a line, its 64 pixels and then its label."""
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return file if file.is_file() else None


def _asked_for() -> NDArray[np.uint8]:
    """The same table from scikit-learn's own function."""
    from sklearn.datasets import load_digits

    images, labels = cast("tuple[NDArray[np.float64], NDArray[np.int64]]", load_digits(return_X_y=True))
    return np.column_stack((images, labels)).astype(np.uint8)
