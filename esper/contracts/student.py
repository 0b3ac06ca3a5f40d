"""The width of an interval of a mean, by Student's t."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

CONFIDENCE: Final = 0.95
"""The probability with which every interval in Esper covers what it estimates."""


@lru_cache(maxsize=1024)
def half_width_factor(count: int) -> float:
    """Half the width of the interval of a mean, in standard deviations of the mean.

    The source is Student, "The probable error of a mean", Biometrika 1908.

    >>> round(half_width_factor(2), 2), round(half_width_factor(5), 2), round(half_width_factor(10_000), 2)
    (12.71, 2.78, 1.96)
    """
    from scipy.special import stdtrit  # The quantile of t. Importing scipy.stats for it would take half a second.

    assert count >= 2, "a single value says nothing about its spread"
    return float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2))
