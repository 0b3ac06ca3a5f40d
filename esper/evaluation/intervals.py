"""How sure a mean is: Student's t interval over independent units.

The unit matters more than the formula. Hosts of one run share their data order and their policy, so episodes of one
seed are not independent. Wherever there are several seeds, the seed is therefore the unit (see estimate and
paired_difference).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from esper.contracts.student import half_width_factor

FEW_UNITS: Final = 5
"""With fewer units, an interval is so wide that it says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From low to high, both in the unit of the values."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0.0 or self.high < 0.0


def student_interval(values: Sequence[float]) -> Interval | None:
    """The interval that covers the true mean of independent, roughly normal values with the probability CONFIDENCE.

    It is None for fewer than two values, which say nothing about their spread.
    """
    count = len(values)
    if count < 2:
        return None
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    half = half_width_factor(count) * deviation / count**0.5
    return Interval(low=mean - half, high=mean + half)
