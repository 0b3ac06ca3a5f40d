"""Numbers as text. What was not measured shows as --."""

from __future__ import annotations

import math
from datetime import timedelta

NOT_MEASURED = "--"


def number(value: float | None, digits: int = 2) -> str:
    """A number with a fixed number of decimals and separated thousands.

    >>> number(1234.5), number(None)
    ('1,234.50', '--')
    """
    return NOT_MEASURED if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """An accuracy with one decimal. The unit stands in the heading or after it."""
    return number(value, 1)


def duration(seconds: float) -> str:
    """Hours, minutes and whole seconds.

    >>> duration(3725.4)
    '1:02:05'
    """
    if not math.isfinite(seconds):
        return NOT_MEASURED
    return str(timedelta(seconds=round(seconds)))
