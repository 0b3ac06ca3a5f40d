"""Stratified splits of labelled samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esper.contracts.randomness import derive_seed
from esper.errors import ConfigError

Indices = NDArray[np.int64]


def stratified(indices: Indices, labels: Indices, share: float, random_state: int) -> tuple[Indices, Indices]:
    """Split indices in two, so that the second part holds this share of each class.

    It equals scikit-learn's StratifiedShuffleSplit, index for index. That one is not called, because importing
    scikit-learn costs every run two seconds at its start.

    labels: the labels of all samples, and not of the indices alone.
    random_state: the seed of the shuffling, 32 bits.

    Raises:
        ConfigError: there are too few samples for both parts to have every class.
    """
    _, class_of, class_counts = np.unique(labels[indices], return_inverse=True, return_counts=True)
    taken_total = int(np.ceil(share * len(indices)))
    _require_enough(len(indices), share, class_counts, taken_total)
    generator = np.random.RandomState(random_state)
    kept_counts = _shared_out(class_counts, len(indices) - taken_total, generator)
    taken_counts = _shared_out(class_counts - kept_counts, taken_total, generator)
    members = np.split(np.argsort(class_of, kind="stable"), np.cumsum(class_counts)[:-1])
    shuffled = [generator.permutation(own) for own in members]
    kept = [own[:count] for own, count in zip(shuffled, kept_counts, strict=True)]
    taken = [own[start : start + count] for own, start, count in zip(shuffled, kept_counts, taken_counts, strict=True)]
    return (
        indices[generator.permutation(np.concatenate(kept))],
        indices[generator.permutation(np.concatenate(taken))],
    )


def random_state(seed: int, *names: str) -> int:
    """The seed of the named stream for stratified, which takes 32 bits."""
    return derive_seed(seed, *names) % 2**32


def _require_enough(samples: int, share: float, class_counts: Indices, taken_total: int) -> None:
    classes = len(class_counts)
    if class_counts.min() >= 2 and min(taken_total, samples - taken_total) >= classes:
        return
    raise ConfigError(
        f"{samples} samples cannot be split so that a share of {share:g} and the rest both hold every one of the "
        f"{classes} classes (the rarest has {class_counts.min()}); use more samples or change task.validation_fraction"
    )


def _shared_out(class_counts: Indices, draws: int, generator: np.random.RandomState) -> Indices:
    """How many of these draws fall to each class: in proportion, with what rounding leaves given to the largest rests.

    Classes with equal rests are drawn at random.
    """
    exact = class_counts / class_counts.sum() * draws
    shares = np.floor(exact)
    missing = int(draws - shares.sum())
    rests = exact - shares
    for rest in np.sort(np.unique(rests))[::-1]:
        if missing <= 0:
            break
        (equal,) = np.where(rests == rest)
        chosen = generator.choice(equal, size=min(len(equal), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares.astype(np.int64)
