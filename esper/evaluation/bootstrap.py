"""How sure a mean difference is: the percentile bootstrap (Efron 1979) over pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 10_000
_MIN_PAIRS: Final = 2
_CHUNK: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From low to high, both in the unit of the differences."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


def bootstrap_interval(differences: Sequence[float], seed: int) -> Interval | None:
    """The middle CONFIDENCE of the means of RESAMPLES samples drawn from the differences, with replacement.

    A function of its arguments: equal seeds give equal intervals. None for fewer than two differences, which tell
    nothing about their spread.
    """
    count = len(differences)
    if count < _MIN_PAIRS:
        return None
    values, generator = np.asarray(differences, dtype=np.float64), np.random.default_rng(seed)
    means = [values[generator.integers(count, size=(_CHUNK, count))].mean(axis=1) for _ in range(RESAMPLES // _CHUNK)]
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(np.concatenate(means), [tail, 100.0 - tail])
    return Interval(low=float(low), high=float(high))
