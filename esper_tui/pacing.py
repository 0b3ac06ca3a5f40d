"""Keeps the screen from slowing down the training that it shows.

Both share one interpreter, so what the screen draws is time that the trainer may have to wait for. Pictures therefore
come four times a second only as long as they are cheap enough, and less often otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.025
"""How much of the time for which the process works the screen may take while a run trains in it."""

MOST_SAVED: Final = 0.05
"""Seconds of drawing that may be saved up, so that what a reader does is answered at once."""

MOST_OWED: Final = 0.03
"""Seconds of drawing that may be owed, so that one costly picture does not delay the next ones for long."""

LONGEST_GAP: Final = 1.0
"""Seconds after which there is a picture in any case; a machine that is busy with other things leaves little time."""


class DrawingBudget:
    """Counts what the thread that draws has used, whatever for, against its share of what the process has used."""

    def __init__(
        self,
        *,
        share: float = SHARE,
        used: Callable[[], float] = time.thread_time,
        worked: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without savings and without debts.

        used: the CPU seconds of the calling thread.
        worked: those of the process. Seconds in which several of its threads worked count once.
        """
        self._share = share
        self._used = used
        self._worked = worked
        self._clock = clock
        self._left = 0.0
        self._last = (used(), worked(), clock())
        self._drawn = self._last[2]

    def allows(self) -> bool:
        """Whether a picture may be drawn now; if so, it is taken for drawn."""
        used, worked, now = self._used(), self._worked(), self._clock()
        last_used, last_worked, last_now = self._last
        self._left += self._share * min(worked - last_worked, now - last_now) - (used - last_used)
        self._left = min(max(self._left, -MOST_OWED), MOST_SAVED)
        self._last = (used, worked, now)
        if self._left < 0.0 and now - self._drawn < LONGEST_GAP:
            return False
        self._drawn = now
        return True
