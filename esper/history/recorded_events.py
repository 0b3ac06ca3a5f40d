"""The events of a recording, read in order once, and from then on reachable anywhere through the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from esper.contracts.files import open_file
from esper.errors import HistoryError, RecordError
from esper.history.codec import event_from_document
from esper.history.event_index import EventIndex
from esper.history.index_file import load_index, save_index
from esper.history.lines import document_of, read_header
from esper.history.reader import open_events
from esper.telemetry.events import Event

_AT_ONCE: Final = 256
"""How many events' lines are held in memory while they are decoded."""


class Recording(Protocol):
    """Where a replay's events come from."""

    @property
    def index(self) -> EventIndex:
        """What is known of the events, which may be more than were read, or fewer than there are."""
        ...

    @property
    def share_read(self) -> float:
        """How much of the recording was read in order, 0 to 1."""
        ...

    def read(self, most: int) -> Sequence[Event]:
        """The next events in order, at most so many; none at the end of the recording."""
        ...

    def between(self, start: int, stop: int) -> Iterator[Event]:
        """The events after position start up to position stop."""
        ...


class ListedEvents:
    """A recording that is in memory."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._read = 0
        self.index = EventIndex()
        for end, event in enumerate(events, start=1):
            self.index.add(event, end)

    @property
    def share_read(self) -> float:
        return self._read / len(self._events) if self._events else 1.0

    def read(self, most: int) -> Sequence[Event]:
        found = self._events[self._read : self._read + most]
        self._read += len(found)
        return found

    def between(self, start: int, stop: int) -> Iterator[Event]:
        return iter(self._events[start:stop])


class RecordedEvents:
    """A recording that is a log on the disk.

    A log that is being written is read as far as it reached when reading came to its end.
    """

    def __init__(self, path: Path | str) -> None:
        """Open a log.

        path: the run directory, or an events.jsonl.

        Raises:
            HistoryError: there is no log, or its header is wrong.
        """
        self._reader = open_events(path)
        self._log = self._reader.path
        self._version = read_header(self._log, "events").schema_version
        self._size = max(1, self._log.stat().st_size)
        self._lines = self._reader.lines_with_ends()
        self._read = 0
        self._complete = False
        self._file = open_file(self._log)
        self._header_end = len(self._file.readline())
        self.index = load_index(self._log) or EventIndex()
        self._known = len(self.index)

    @property
    def torn_tail(self) -> bool:
        """Whether the log ends in an unfinished line, which is left out. It is known once all was read."""
        return self._complete and self._reader.torn_tail

    @property
    def share_read(self) -> float:
        if self._complete:
            return 1.0
        return min(1.0, self.index.ends[self._read - 1] / self._size) if self._read else 0.0

    def read(self, most: int) -> Sequence[Event]:
        """As in Recording. What the index lacked is added to it, and at the end it is saved for the next reader.

        Raises:
            HistoryError: a line is wrong; the message names file and line.
        """
        events: list[Event] = []
        for event, end in islice(self._lines, most):
            self._read += 1
            if self._read > len(self.index):
                self.index.add(event, end)
            events.append(event)
        if not events and not self._complete:
            self._complete = True
            if len(self.index) > self._known:
                with suppress(OSError):  # A folder that cannot be written only means that the next reader has no index.
                    save_index(self._log, self.index)
        return events

    def between(self, start: int, stop: int) -> Iterator[Event]:
        """As in Recording.

        Raises:
            HistoryError: the log is not what was indexed.
        """
        for first in range(start, stop, _AT_ONCE):
            last = min(first + _AT_ONCE, stop)
            for position, line in enumerate(self._lines_between(first, last), start=first):
                yield self._decode(position, line)

    def _lines_between(self, first: int, last: int) -> list[bytes]:
        begin = self.index.ends[first - 1] if first else self._header_end
        try:
            self._file.seek(begin)
            lines = self._file.read(self.index.ends[last - 1] - begin).split(b"\n")[:-1]
        except OSError as error:
            raise HistoryError(f"{self._log} cannot be read: {error.strerror}") from error
        if len(lines) != last - first:
            raise HistoryError(f"{self._log} was changed while it was read: open it again")
        return lines

    def _decode(self, position: int, line: bytes) -> Event:
        try:
            event = event_from_document(document_of(line, "events", self._version))
        except RecordError as error:
            raise HistoryError(f"{self._log}, line {position + 2}: {error}") from error
        if event.seq != self.index.seqs[position]:
            raise HistoryError(f"{self._log} was changed while it was read: open it again")
        return event

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
        self._file.close()
