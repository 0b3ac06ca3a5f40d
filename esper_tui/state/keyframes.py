"""Copies of the reducer along a recording, from which any moment is two thousand events away.

A copy holds every record of the episodes that were under way. Those that are kept for good are therefore made where
episodes have just begun and hold next to nothing; those that would hold more are kept for a few recent places only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Final

from esper_tui.state.aggregator import Aggregator

SPACING: Final = 2048
"""The fewest events between two copies that are kept: what can be played in less than a tenth of a second."""

MOST: Final = 512
"""How many copies are kept. Beyond that, every other one goes, and the spacing doubles."""

RECENT_SPACING: Final = 1024
"""The fewest events between a copy of a recent place and the one before it."""

RECENT: Final = 6
"""How many copies of recent places are kept beside."""


class Keyframes:
    """The copies, in order of their positions; the first is that of position 0."""

    def __init__(self) -> None:
        self._spacing = SPACING
        self._kept = [Aggregator()]
        self._recent: deque[Aggregator] = deque(maxlen=RECENT)

    def __len__(self) -> int:
        return len(self._kept)

    def offer(self, aggregator: Aggregator) -> None:
        """Keep a copy, if the last is far enough away and every episode has just begun."""
        if aggregator.events - self._kept[-1].events < self._spacing or not aggregator.has_fresh_episodes:
            return
        self._kept.append(aggregator.copy())
        if len(self._kept) > MOST:
            self._kept = self._kept[::2]
            self._spacing *= 2

    def offer_recent(self, aggregator: Aggregator) -> None:
        """Keep a copy for a while, for whoever goes back and forth around it."""
        nearest = self.before(aggregator.events)
        if aggregator.events - nearest.events >= RECENT_SPACING:
            self._recent.append(aggregator.copy())

    def before(self, position: int) -> Aggregator:
        """The last copy at or before a position. It must not be changed: whoever goes on from it copies it."""
        kept = self._kept[bisect_right(self._kept, position, key=lambda one: one.events) - 1]
        recent = [one for one in self._recent if kept.events < one.events <= position]
        return max(recent, key=lambda one: one.events, default=kept)
