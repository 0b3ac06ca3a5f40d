"""Keeps the screen from slowing down the training that it shows.

Both share one interpreter, so what the screen draws is time that the trainer may have to wait for. Pictures therefore
come four times a second only as long as they are cheap enough, and less often otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.025
"""How much of a core the screen may take while a run trains in its process."""

MOST_SAVED: Final = 0.05
"""Seconds of drawing that may be saved up, so that what a reader does is answered at once."""

MOST_OWED: Final = 0.03
"""Seconds of drawing that may be owed: a costly picture delays the next ones by 1.2 seconds at most."""


class DrawingBudget:
    """Counts what the thread that draws has used, whatever for, against its share of the time that has passed."""

    def __init__(
        self,
        *,
        share: float = SHARE,
        used: Callable[[], float] = time.thread_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without savings and without debts.

        used: the CPU seconds of the calling thread.
        """
        self._share = share
        self._used = used
        self._clock = clock
        self._left = 0.0
        self._last_used, self._last_time = used(), clock()

    def allows(self) -> bool:
        """Whether there is something left for a picture now."""
        used, now = self._used(), self._clock()
        self._left += self._share * (now - self._last_time) - (used - self._last_used)
        self._left = min(max(self._left, -MOST_OWED), MOST_SAVED)
        self._last_used, self._last_time = used, now
        return self._left >= 0.0
