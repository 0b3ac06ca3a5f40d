"""Means, spreads and bootstrap intervals. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from esper.evaluation.records import Difference, Spread

RESAMPLES: Final = 10_000
COVERAGE: Final = 95.0
_SEED: Final = 20_240_229


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation (n - 1 in the denominator)."""
    return Spread(mean=float(np.mean(values)), std=float(np.std(values, ddof=1)) if len(values) > 1 else None)


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Mean of ours minus theirs, pair by pair, with its percentile bootstrap interval (Efron and Tibshirani 1993).

    Whole pairs are drawn with replacement, RESAMPLES times, from a generator of its own: equal inputs, equal interval.
    """
    differences = np.asarray(ours) - np.asarray(theirs)
    mean = float(differences.mean())
    if len(differences) < 2:
        return Difference(mean=mean, low=None, high=None, pairs=len(differences))
    generator = np.random.default_rng(_SEED)
    drawn = generator.integers(len(differences), size=(RESAMPLES, len(differences)))
    tail = (100.0 - COVERAGE) / 2
    low, high = np.percentile(differences[drawn].mean(axis=1), [tail, 100.0 - tail])
    return Difference(mean=mean, low=float(low), high=float(high), pairs=len(differences))
