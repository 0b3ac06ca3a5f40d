"""A saved run, played back through the same reducer that a live run uses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from esper.telemetry.events import EpochCompleted, Event
from esper_tui.sources.base import Clock, Frame, Mode, SourceStatus
from esper_tui.sources.overview import overview
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.snapshot import CockpitSnapshot

KEYFRAME_EVENTS: Final = 4096
"""The number of events between two copies of the reducer, which is the most that a step back has to apply again."""

LONGEST_GAP_SECONDS: Final = 2.0
"""Playback takes this time to cross any longer silence in the recording, such as a pause of the run."""

SPEEDS: Final[tuple[float, ...]] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class ReplaySource:
    """Plays a recording. Position p means that the first p events have been applied. It starts at the end, paused."""

    def __init__(self, events: Sequence[Event], *, origin: str, clock: Clock) -> None:
        self._events = events
        self._origin = origin
        self._clock = clock
        self._aggregator = Aggregator()
        self._keyframes: list[Aggregator] = [self._aggregator.copy()]
        self._epoch_stops, self._round_stops = _stops(events)
        self._play_times = _play_times(events)
        self._overview = overview(events)
        self._playing = False
        self._speed_index = SPEEDS.index(1.0)
        self._play_clock = 0.0
        self._last_poll = clock()
        self._shown: tuple[CockpitSnapshot, SourceStatus] | None = None
        self.seek(len(events))

    @property
    def is_live(self) -> bool:
        return False

    @property
    def position(self) -> int:
        return self._aggregator.events

    @property
    def playing(self) -> bool:
        return self._playing

    def seek(self, position: int) -> None:
        """Show the run after its first `position` events, or after all of them if there are fewer."""
        target = min(max(position, 0), len(self._events))
        if target < self.position:
            self._aggregator = self._keyframes[target // KEYFRAME_EVENTS].copy()
        nearest = min(target // KEYFRAME_EVENTS, len(self._keyframes) - 1)
        if self._keyframes[nearest].events > self.position:
            self._aggregator = self._keyframes[nearest].copy()
        for event in self._events[self.position : target]:
            self._aggregator.apply(event)
            if self.position == len(self._keyframes) * KEYFRAME_EVENTS:
                self._keyframes.append(self._aggregator.copy())
        self._play_clock = self._play_times[target - 1] if target else 0.0

    def step_epoch(self, steps: int) -> None:
        """Go on (positive) or back by so many ends of fleet epochs, and stop playing."""
        for _ in range(abs(steps)):
            self._step(self._epoch_stops, steps)

    def step_round(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) end of a round, and stop playing."""
        self._step(self._round_stops, direction)

    def step_alarm(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) alarm of the recording, and stop playing; stay if there is none."""
        self._playing = False
        alarms = self._overview.alarms
        found = [place for place in alarms if (place > self.position if direction > 0 else place < self.position)]
        if found:
            self.seek(found[0] if direction > 0 else found[-1])

    def show_from(self, position: int) -> None:
        """Go to a position, and stop playing."""
        self._playing = False
        self.seek(position)

    def to_end(self) -> None:
        """Go to the end of the recording, and stop playing."""
        self._playing = False
        self.seek(len(self._events))

    def _step(self, stops: Sequence[int], direction: int) -> None:
        self._playing = False
        here = bisect_right(stops, self.position)
        if direction > 0:
            self.seek(stops[here] if here < len(stops) else len(self._events))
            return
        earlier = [stop for stop in stops[max(0, here - 2) : here] if stop < self.position]
        self.seek(earlier[-1] if earlier else 1)

    def toggle_view(self) -> None:
        """Play or pause. Playing from the end starts over."""
        self._playing = not self._playing
        self._last_poll = self._clock()
        if self._playing and self.position == len(self._events):
            self.seek(0)

    def change_speed(self, direction: int) -> None:
        self._speed_index = min(max(self._speed_index + direction, 0), len(SPEEDS) - 1)

    def snapshot(self) -> CockpitSnapshot:
        """The run's figures at the current position."""
        return self._aggregator.snapshot()

    def rest(self) -> None:
        self._last_poll = self._clock()

    def poll(self) -> Frame | None:
        now = self._clock()
        if self._playing:
            self._advance((now - self._last_poll) * SPEEDS[self._speed_index])
        self._last_poll = now
        status = self._status()
        if self._shown is not None and self._shown[1] == status:
            return None
        self._shown = (self.snapshot(), status)
        return Frame(snapshot=self._shown[0], status=status)

    def _advance(self, seconds: float) -> None:
        clock = self._play_clock + seconds
        self.seek(bisect_right(self._play_times, clock))
        self._play_clock = clock
        if self.position == len(self._events):
            self._playing = False

    def _status(self) -> SourceStatus:
        return SourceStatus(
            mode=Mode.REPLAY_PLAYING if self._playing else Mode.REPLAY,
            origin=self._origin,
            newer=0,
            dropped=0,
            position=self.position,
            length=len(self._events),
            speed=SPEEDS[self._speed_index],
            overview=self._overview,
        )


def _stops(events: Sequence[Event]) -> tuple[list[int], list[int]]:
    """The positions at which a fleet epoch or a round is complete, which are just before the next one's first event."""
    epochs: list[int] = []
    rounds: list[int] = []
    last: EpochCompleted | None = None
    for index, event in enumerate(events):
        payload = event.payload
        if not isinstance(payload, EpochCompleted):
            continue
        if last is not None and (payload.batch, payload.epoch) != (last.batch, last.epoch):
            epochs.append(index)
            if payload.batch != last.batch:
                rounds.append(index)
        last = payload
    return [*epochs, len(events)], [*rounds, len(events)]


def _play_times(events: Sequence[Event]) -> list[float]:
    """The seconds after the start at which playback shows each event, with long silences shortened."""
    times: list[float] = []
    clock, previous = 0.0, events[0].time if events else 0.0
    for event in events:
        clock += min(max(event.time - previous, 0.0), LONGEST_GAP_SECONDS)
        previous = event.time
        times.append(clock)
    return times
