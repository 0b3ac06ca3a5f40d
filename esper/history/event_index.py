"""What is known of every event of a log without decoding it again: where it ends in the file, and what it was about.

The index is a handful of columns, about 55 bytes an event, which are searched without touching the log. Its positions
count events from the start: position p means that the first p events have happened.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from esper.telemetry.events import (
    AnomalyDetected,
    EpochCompleted,
    Event,
    EventKind,
    GovernorRollback,
    LastAction,
    Severity,
)

LONGEST_GAP_SECONDS: Final = 2.0
"""Playback takes this time to cross any longer silence in the recording, such as a pause of the run."""

KINDS: Final[tuple[EventKind, ...]] = tuple(EventKind)
_KIND_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
_SEVERITY_CODES: Final = {severity: code for code, severity in enumerate(Severity)}
_NO_ACCURACY: Final = float("nan")
_WAIT: Final = "WAIT"


class Mark(Enum):
    """What readers step through, beside epochs and rounds."""

    DECISION = 1
    ALERT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPlace:
    """A host epoch of the fleet: the round, and the epoch in it; both count from 1."""

    batch: int
    epoch: int


@dataclass(slots=True, kw_only=True)
class EventIndex:
    """One entry per event, in columns.

    ends: where its line ends in the log, in bytes; equal to the position for events that are in no file.
    batches, epochs: the newest round and host epoch that had been reported; 0 before the first.
    marks: a decision other than to wait, an alert, or 0.
    accuracies: the validation accuracy in percent of an EPOCH_COMPLETED; NaN for any other event.
    play_seconds: when playback shows it, with long silences shortened.
    epoch_stops, round_stops: positions right before the first event of another host epoch or round of the fleet.
    """

    seqs: array[int] = field(default_factory=lambda: array("Q"))
    ends: array[int] = field(default_factory=lambda: array("Q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    batches: array[int] = field(default_factory=lambda: array("I"))
    epochs: array[int] = field(default_factory=lambda: array("I"))
    kinds: bytearray = field(default_factory=bytearray)
    severities: bytearray = field(default_factory=bytearray)
    marks: bytearray = field(default_factory=bytearray)
    accuracies: array[float] = field(default_factory=lambda: array("d"))
    play_seconds: array[float] = field(default_factory=lambda: array("d"))
    epoch_stops: array[int] = field(default_factory=lambda: array("Q"))
    round_stops: array[int] = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.seqs)

    def add(self, event: Event, end: int) -> None:
        """Take in the next event.

        end: where its line ends in the log.
        """
        payload = event.payload
        batch, epoch = (self.batches[-1], self.epochs[-1]) if self.seqs else (0, 0)
        accuracy, mark = _NO_ACCURACY, 0
        match payload:
            case EpochCompleted():
                batch, epoch, accuracy = payload.batch, payload.epoch, payload.val_accuracy
            case LastAction() if payload.op != _WAIT:
                mark = Mark.DECISION.value
            case AnomalyDetected() | GovernorRollback():
                mark = Mark.ALERT.value
            case _:
                pass
        self._add_columns(event, end, _KIND_CODES[payload.kind], mark, accuracy)
        self._add_place(batch, epoch)

    def _add_columns(self, event: Event, end: int, kind: int, mark: int, accuracy: float) -> None:
        silence = event.time - self.times[-1] if self.times else 0.0
        played = self.play_seconds[-1] if self.play_seconds else 0.0
        self.play_seconds.append(played + min(max(silence, 0.0), LONGEST_GAP_SECONDS))
        self.seqs.append(event.seq)
        self.ends.append(end)
        self.times.append(event.time)
        self.kinds.append(kind)
        self.severities.append(_SEVERITY_CODES[event.severity])
        self.marks.append(mark)
        self.accuracies.append(accuracy)

    def _add_place(self, batch: int, epoch: int) -> None:
        if self.batches and self.batches[-1]:
            here = len(self.batches)
            if batch != self.batches[-1]:
                self.round_stops.append(here)
            if (batch, epoch) != (self.batches[-1], self.epochs[-1]):
                self.epoch_stops.append(here)
        self.batches.append(batch)
        self.epochs.append(epoch)

    def after_seq(self, seq: int) -> int:
        """The position right after the event of this number."""
        return bisect_right(self.seqs, seq)

    def after_epoch(self, place: EpochPlace) -> int:
        """The position at which this host epoch of the fleet is complete."""
        wanted = (place.batch, place.epoch)
        return bisect_right(range(len(self)), wanted, key=lambda one: (self.batches[one], self.epochs[one]))

    def after_round(self, batch: int) -> int:
        """The position at which this round is complete."""
        return bisect_right(self.batches, batch)

    def at_time(self, seconds: float) -> int:
        """The position at a time, in seconds since the Unix epoch."""
        return bisect_right(self.times, seconds)

    def at_share(self, share: float) -> int:
        """The position that this share of all events, 0 to 1, comes before."""
        return round(share * len(self))

    def epoch_at(self, position: int) -> EpochPlace | None:
        """The newest host epoch at a position; None before the first."""
        if position == 0 or not self.batches[position - 1]:
            return None
        return EpochPlace(batch=self.batches[position - 1], epoch=self.epochs[position - 1])

    def next_mark(self, mark: Mark, position: int, direction: int) -> int | None:
        """The position right after the next (1) or previous (-1) event with this mark; None if there is none."""
        return _find(self.marks, mark.value, position, direction)

    def next_kind(self, kinds: Collection[EventKind], position: int, direction: int) -> int | None:
        """The position right after the next (1) or previous (-1) event of one of these kinds; None if there is none."""
        found = [_find(self.kinds, _KIND_CODES[kind], position, direction) for kind in kinds]
        there = [place for place in found if place is not None]
        return min(there, key=lambda place: abs(place - position), default=None)

    def alerts(self) -> tuple[int, ...]:
        """The positions right after the trainer's alarms and the governor's rollbacks."""
        places: list[int] = []
        place = self.next_mark(Mark.ALERT, 0, 1)
        while place is not None:
            places.append(place)
            place = self.next_mark(Mark.ALERT, place, 1)
        return tuple(places)

    def has_kind(self, kind: EventKind) -> bool:
        return _KIND_CODES[kind] in self.kinds


def _find(column: bytearray, code: int, position: int, direction: int) -> int | None:
    """Event i is the last one of position i + 1."""
    found = column.find(code, position) if direction > 0 else column.rfind(code, 0, max(position - 1, 0))
    return None if found < 0 else found + 1


def next_stop(stops: array[int], position: int) -> int | None:
    """The first stop beyond a position."""
    here = bisect_right(stops, position)
    return stops[here] if here < len(stops) else None


def previous_stop(stops: array[int], position: int) -> int | None:
    """The last stop before a position."""
    here = bisect_left(stops, position)
    return stops[here - 1] if here else None
