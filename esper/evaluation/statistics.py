"""Means, spreads and differences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from esper.evaluation.bootstrap import bootstrap_interval
from esper.evaluation.records import Difference, Spread

_SEED: Final = 20_240_229


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation (n - 1 in the denominator)."""
    return Spread(mean=float(np.mean(values)), std=float(np.std(values, ddof=1)) if len(values) > 1 else None)


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Mean of ours minus theirs, pair by pair, with its bootstrap interval. Equal inputs, equal interval."""
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    interval = bootstrap_interval(differences, _SEED)
    return Difference(
        mean=float(np.mean(differences)),
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        pairs=len(differences),
    )
