"""How many processors this process may really use, and whether others use them, too."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

_QUOTA_FILE: Final = Path("/sys/fs/cgroup/cpu.max")
_BUSY: Final = 1.5
"""Runnable processes per processor from which on a machine counts as busy."""


def usable_processors() -> int:
    """The processors that this process may run on, at most as many as its container is granted."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota = granted(_QUOTA_FILE.read_text(encoding="ascii"))
    except OSError:  # There is no container, or one that does not show its limits.
        quota = None
    return allowed if quota is None else min(allowed, quota)


def granted(cpu_max: str) -> int | None:
    """The processors that a control group grants, rounded up; None if it sets no limit.

    >>> granted("150000 100000"), granted("max 100000")
    (2, None)
    """
    quota, _, period = cpu_max.strip().partition(" ")
    return None if quota == "max" else max(1, math.ceil(int(quota) / int(period)))


def busy_note(load: float, processors: int) -> str | None:
    """What to say if others keep the processors busy, or None.

    load: the average number of runnable processes in the last minute.

    >>> busy_note(0.5, 2) is None
    True
    """
    if load < _BUSY * processors:
        return None
    return f"this machine is busy: {load:.1f} processes want its {processors} processors, so everything takes longer"
