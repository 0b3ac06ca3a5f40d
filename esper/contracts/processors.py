"""The processors of this machine: which of them the process may use, and whether others keep them busy."""

from __future__ import annotations

import os
from typing import Final

_BUSY: Final = 1.5
"""Runnable processes per processor from which on a machine counts as busy."""


def allowed_processors() -> int:
    """The processors that the process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy_note(load: float, processors: int) -> str | None:
    """What to say if others keep the processors busy, or None.

    load: the average number of runnable processes in the last minute.

    >>> busy_note(0.5, 2) is None
    True
    """
    if load < _BUSY * processors:
        return None
    return f"this machine is busy: {load:.1f} processes want its {processors} processors, so everything takes longer"


def busy_now() -> str | None:
    """busy_note() of this moment."""
    return busy_note(os.getloadavg()[0], allowed_processors())
