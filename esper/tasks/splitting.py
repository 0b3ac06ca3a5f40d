"""Stratified splits of labelled samples."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from esper.contracts.randomness import derive_seed
from esper.errors import ConfigError

Indices = NDArray[np.int64]


def stratified(indices: Indices, labels: Indices, share: float, random_state: int) -> tuple[Indices, Indices]:
    """Split indices in two, so that the second part holds this share of each class.

    labels: the labels of all samples, and not of the indices alone.

    Raises:
        ConfigError: there are too few samples for both parts to have every class.
    """
    from sklearn.model_selection import StratifiedShuffleSplit  # takes two seconds to import

    splitter = StratifiedShuffleSplit(n_splits=1, test_size=share, random_state=random_state)
    try:
        parts = next(iter(splitter.split(indices, labels[indices])))
    except ValueError as error:  # Here scikit-learn complains about nothing but too few samples.
        raise ConfigError(
            f"{len(indices)} samples cannot be split so that a share of {share:g} and the rest both hold every class: "
            f"{error}; use more samples or change task.validation_fraction"
        ) from error
    kept, taken = cast("tuple[Indices, Indices]", parts)
    return indices[kept], indices[taken]


def random_state(seed: int, *names: str) -> int:
    """The seed of the named stream for scikit-learn, which takes 32 bits."""
    return derive_seed(seed, *names) % 2**32
