"""Rank correlation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, with the mean rank for equal values. None if all values of one side are equal.

    >>> spearman([1.0, 2.0, 3.0], [10.0, 20.0, 15.0])
    0.5
    """
    ours, theirs = _ranks(first), _ranks(second)
    if len(set(ours)) == 1 or len(set(theirs)) == 1:
        return None
    return float(np.corrcoef(ours, theirs)[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) - 1) / 2 for value in values
    ]
