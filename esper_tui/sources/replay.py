"""A saved run, played back through the same reducer that a live run uses.

A recording is read in order once, in slices between the frames. While that goes on, the screen shows how far it has
come, and every moment that was read can be gone to. Positions count events: at position p, the first p have happened.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from esper.history.event_index import EventIndex, Mark, next_stop, previous_stop
from esper.history.recorded_events import ListedEvents, Recording
from esper.telemetry.events import Event
from esper_tui.sources.base import Clock, Frame, Mode, SourceStatus
from esper_tui.sources.overview import Overview, overview
from esper_tui.sources.reading import Reading
from esper_tui.state.snapshot import CockpitSnapshot

SPEEDS: Final[tuple[float, ...]] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, math.inf)
"""The last one shows as many events as there is time for."""

FIRST_SECONDS: Final = 0.1
"""How long the beginning is read before there is a first frame."""

MAX_SPEED_SECONDS: Final = 0.1
"""How long events are applied for one frame at the highest speed."""

MAX_SPEED_EVENTS: Final = 64


class ReplaySource:
    """Plays a recording, and starts at its end, paused. Until all was read, that is as far as the reading has come."""

    def __init__(self, events: Recording | Sequence[Event], *, origin: str, clock: Clock) -> None:
        """Open a recording, and read its beginning.

        Raises:
            HistoryError: a line of the beginning is wrong.
        """
        recording = ListedEvents(events) if isinstance(events, Sequence) else events
        self._reading = Reading(recording)
        self._origin = origin
        self._clock = clock
        self._aggregator = self._reading.head.copy()
        self._wanted: float | None = math.inf
        self._overview: Overview | None = None
        self._playing = False
        self._speed_index = SPEEDS.index(1.0)
        self._play_clock = 0.0
        self._last_poll = clock()
        self._shown: tuple[CockpitSnapshot, SourceStatus] | None = None
        self.read_on(FIRST_SECONDS)

    @property
    def is_live(self) -> bool:
        return False

    @property
    def index(self) -> EventIndex:
        """What is known of the events of the recording."""
        return self._reading.recording.index

    @property
    def position(self) -> int:
        return self._aggregator.events

    @property
    def playing(self) -> bool:
        return self._playing

    @property
    def is_read(self) -> bool:
        """Whether all of the recording was read."""
        return self._reading.complete

    def read_on(self, seconds: float) -> None:
        """Read for about so long, or to the end.

        Raises:
            HistoryError: a line is wrong.
        """
        self._reading.read_for(seconds, self._clock)
        if self._wanted is not None and (self.is_read or self._wanted <= self._reading.head.events):
            self.seek(min(self._wanted, self._reading.head.events))

    def seek(self, position: float) -> None:
        """Show the run after its first `position` events, or after all of them if there are fewer.

        A moment that was not read yet is shown once it was; until then, the picture is that of the reading.
        """
        if position > self._reading.head.events and not self.is_read:
            self._wanted = position
            return
        self._wanted = None
        target = int(min(max(position, 0), self._reading.head.events))
        self._aggregator = self._reading.state_at(target, self._aggregator)
        self._play_clock = self.index.play_seconds[target - 1] if target else 0.0

    def step_epoch(self, steps: int) -> None:
        """Go on (positive) or back by so many ends of fleet epochs, and stop playing."""
        self._step(self.index.epoch_stops, steps)

    def step_round(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) end of a round, and stop playing."""
        self._step(self.index.round_stops, direction)

    def step_alarm(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) alarm of the recording, and stop playing; stay if there is none."""
        self._step_mark(Mark.ALERT, direction)

    def step_decision(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) decision other than to wait, and stop playing; stay if there is none."""
        self._step_mark(Mark.DECISION, direction)

    def _step_mark(self, mark: Mark, direction: int) -> None:
        found = self.index.next_mark(mark, self.position, direction)
        self.show_from(self.position if found is None else found)

    def show_from(self, position: float) -> None:
        """Go to a position, and stop playing."""
        self._playing = False
        self.seek(position)

    def to_end(self) -> None:
        """Go to the end of the recording, and stop playing."""
        self.show_from(math.inf)

    def _step(self, stops: array[int], steps: int) -> None:
        place: float = self.position
        for _ in range(abs(steps)):
            found = next_stop(stops, int(place)) if steps > 0 else previous_stop(stops, int(place))
            place = found if found is not None else math.inf if steps > 0 else 1
            if found is None:
                break
        self.show_from(place)

    def toggle_view(self) -> None:
        """Play or pause. Playing from the end starts over."""
        self._playing = not self._playing
        self._wanted = None
        self._last_poll = self._clock()
        if self._playing and self.is_read and self.position == len(self.index):
            self.seek(0)

    def change_speed(self, direction: int) -> None:
        self._speed_index = min(max(self._speed_index + direction, 0), len(SPEEDS) - 1)

    def snapshot(self) -> CockpitSnapshot:
        """The run's figures at the current position."""
        return self._aggregator.snapshot()

    def rest(self) -> None:
        self._last_poll = self._clock()

    def poll(self) -> Frame | None:
        """The newest picture; None if it is that of the last call.

        Raises:
            HistoryError: the log is no longer what was read.
        """
        now = self._clock()
        if self._playing:
            self._advance(now - self._last_poll)
        elif self._wanted is not None:
            self._aggregator = self._reading.head.copy()
        self._last_poll = now
        status = self._status()
        if self._shown is not None and self._shown[1] == status:
            return None
        self._shown = (self.snapshot(), status)
        return Frame(snapshot=self._shown[0], status=status)

    def _advance(self, seconds: float) -> None:
        """Play on after so many seconds."""
        speed = SPEEDS[self._speed_index]
        if speed == math.inf:
            self._rush()
        else:
            clock = self._play_clock + seconds * speed
            self.seek(bisect_right(self.index.play_seconds, clock, hi=self._reading.head.events))
            self._play_clock = clock
        if self.is_read and self.position == len(self.index):
            self._playing = False

    def _rush(self) -> None:
        """Play as many events as there is time for."""
        deadline = self._clock() + MAX_SPEED_SECONDS
        while self.position < self._reading.head.events and self._clock() <= deadline:
            self.seek(min(self.position + MAX_SPEED_EVENTS, self._reading.head.events))

    def _status(self) -> SourceStatus:
        return SourceStatus(
            mode=Mode.REPLAY_PLAYING if self._playing else Mode.REPLAY,
            origin=self._origin,
            newer=0,
            dropped=0,
            position=self.position,
            length=len(self.index),
            speed=SPEEDS[self._speed_index],
            overview=self._newest_overview(),
            share_read=self._reading.recording.share_read,
        )

    def _newest_overview(self) -> Overview:
        """What the bar shows; made anew while the recording turns out to be longer."""
        if self._overview is None or self._overview.length != len(self.index):
            self._overview = overview(self.index)
        return self._overview
