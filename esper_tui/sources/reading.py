"""Reads a recording in order, a slice at a time, and gives the reducer's state at any moment that was read."""

from __future__ import annotations

from typing import Final

from esper.history.collection import collection_off
from esper.history.recorded_events import Recording
from esper_tui.sources.base import Clock
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.keyframes import Keyframes

READ_AT_ONCE: Final = 64
"""The events that are read between two looks at the clock."""

KEEP_EVERY: Final = 1024
"""How often a copy is offered to the keyframes on the way to a moment."""


class Reading:
    """How far a recording was read.

    head: the reducer after everything that was read.
    complete: whether the recording has come to its end.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.head = Aggregator()
        self.complete = False
        self._keyframes = Keyframes()

    def read_for(self, seconds: float, clock: Clock) -> None:
        """Read on for about so long, or to the end.

        Raises:
            HistoryError: a line is wrong.
        """
        deadline = clock() + seconds
        with collection_off():
            while not self.complete:
                events = self.recording.read(READ_AT_ONCE)
                self.complete = not events
                for event in events:
                    self.head.apply(event)
                    self._keyframes.offer(self.head)
                if clock() > deadline:
                    return

    def state_at(self, position: int, near: Aggregator) -> Aggregator:
        """The reducer after the first `position` events, which have been read.

        near: a state from which to go on if it is the nearest before; it is changed then.

        Raises:
            HistoryError: the log is no longer what was read.
        """
        nearest = self._keyframes.before(position)
        aggregator = near if nearest.events <= near.events <= position else nearest.copy()
        with collection_off():
            for event in self.recording.between(aggregator.events, position):
                aggregator.apply(event)
                if aggregator.events % KEEP_EVERY == 0:
                    self._keyframes.offer_recent(aggregator)
        return aggregator
