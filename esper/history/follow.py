"""Follows the log of a run that another process writes, from its first event on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from esper.contracts.files import open_file
from esper.errors import HistoryError, RecordError
from esper.history.codec import event_from_document
from esper.history.lines import document_of, read_header, read_line
from esper.history.run_directory import EVENTS_FILE
from esper.telemetry.events import BatchEpochCompleted, Event

_AT_ONCE: Final = 2_000
"""At most this many events are decoded by one read, so that whoever follows a long log can show progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvents:
    """What one read found.

    events: committed events that were not given before, in order.
    back_to: if the run was resumed, the number of the last event that still holds; what was given after it is void, and
        the events go on from there. None otherwise.
    more: whether the log held more than one read takes.
    """

    events: tuple[Event, ...]
    back_to: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """A place in the log that was read: the line that ends there, and the number of its event."""

    seq: int
    number: int
    end: int
    line: bytes


class Follower:
    """Reads what was committed since the last read.

    A run that is resumed has its log cut back to the end of a round. Every read therefore compares the last line that
    it knows with the file; if they differ, it goes back to the last round whose end is still there.
    """

    def __init__(self, run: Path) -> None:
        """Open the log.

        Raises:
            HistoryError: there is no log, or its header is wrong.
        """
        self._path = run / EVENTS_FILE
        self._version = read_header(self._path, "events").schema_version
        self._file: BinaryIO = self._open()
        start = len(self._file.readline())
        self._start = _Mark(seq=0, number=1, end=start, line=b"")
        self._rounds = [self._start]
        self._last = self._start

    def read(self) -> NewEvents:
        """The events that were committed since the last read.

        Raises:
            HistoryError: a line is wrong, or the log is gone.
        """
        back_to = None if self._holds(self._last) else self._go_back()
        self._check_there()
        events: list[Event] = []
        self._file.seek(self._last.end)
        while len(events) < _AT_ONCE:
            line = read_line(self._file)
            if not line.endswith(b"\n"):
                return NewEvents(events=tuple(events), back_to=back_to)
            try:
                events.append(self._event(line))
            except HistoryError:
                if self._holds(self._last):
                    raise
                break  # The log was cut back in this moment; the next read goes back.
        return NewEvents(events=tuple(events), back_to=back_to, more=True)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _event(self, line: bytes) -> Event:
        """Decode the line after the last one."""
        last, number = self._last, self._last.number + 1
        try:
            event = event_from_document(document_of(line, "events", self._version))
        except RecordError as error:
            raise HistoryError(f"{self._path}, line {number}: {error}") from error
        if event.seq <= last.seq:
            raise HistoryError(f"{self._path}, line {number}: seq is {event.seq} after {last.seq}: it must rise")
        self._last = _Mark(seq=event.seq, number=number, end=last.end + len(line), line=line)
        if isinstance(event.payload, BatchEpochCompleted):
            self._rounds.append(self._last)
        return event

    def _holds(self, mark: _Mark) -> bool:
        """Whether the file still has the line of a mark where it was."""
        return os.pread(self._file.fileno(), len(mark.line), mark.end - len(mark.line)) == mark.line

    def _go_back(self) -> int:
        """Return to the last round whose end still holds, and give the number of its last event."""
        while not self._holds(self._rounds[-1]):
            self._rounds.pop()
        self._last = self._rounds[-1]
        self._file.close()
        self._file = self._open()  # What the old one has buffered is void.
        return self._last.seq

    def _check_there(self) -> None:
        """A deleted file can still be read, and never grows."""
        if not self._path.exists():
            raise HistoryError(f"{self._path} was deleted while it was followed")

    def _open(self) -> BinaryIO:
        try:
            return open_file(self._path)
        except OSError as error:
            raise HistoryError(f"{self._path} cannot be read: {error.strerror}") from error
