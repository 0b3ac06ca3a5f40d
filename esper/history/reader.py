"""Reads a run's files back into typed records.

A newline commits a line. What follows the last newline of a file is the torn tail of a write that never ended, or has
not ended yet. It is left out, and reported where the result has room for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Generic, TypeVar

from esper.contracts.files import open_file
from esper.errors import HistoryError, RecordError
from esper.history.codec import event_from_document, summary_from_document
from esper.history.collection import collection_off
from esper.history.json_text import Document
from esper.history.lines import LONGEST_UNSEALED_LINE, document_of, parse_header, read_line
from esper.history.migrations import FIRST_SEALED
from esper.history.records import EventLog, FileHeader, FileKind, HistoryLine, HistoryLog
from esper.history.run_directory import EVENTS_FILE, HISTORY_FILE
from esper.telemetry.events import Event
from esper.training.vectorized_types import BatchSummary

Line = TypeVar("Line", Event, HistoryLine)


def read_events(path: Path | str) -> list[Event]:
    """Every committed event of a run.

    path: the run directory, or an events.jsonl.

    Raises:
        HistoryError: there is no such file, or a line of it is wrong; the message names file and line.
    """
    with collection_off():
        return list(iterate_events(path))


def iterate_events(path: Path | str) -> Iterator[Event]:
    """Like read_events, one event at a time, without holding the file in memory."""
    return open_events(path).lines()


def read_run_events(path: Path | str) -> EventLog:
    """Like read_events, with the header, and whether the file ends in a torn line."""
    reader = open_events(path)
    with collection_off():
        events = tuple(reader.lines())
    return EventLog(header=reader.header, events=events, torn_tail=reader.torn_tail)


def open_events(path: Path | str) -> LineReader[Event]:
    """A reader of a run's events, for callers that want them one by one, and also the header and the torn tail.

    Raises:
        HistoryError: there is no such file.
    """
    return LineReader(_file_in(path, EVENTS_FILE), "events", event_from_document)


def read_history(path: Path | str) -> list[BatchSummary]:
    """Every committed batch of a run.

    path: the run directory, or a history.jsonl.

    Raises:
        HistoryError: there is no such file, or a line of it is wrong; the message names file and line.
    """
    return [line.summary for line in read_run_history(path).lines]


def read_run_history(path: Path | str) -> HistoryLog:
    """Like read_history, with the header, each batch's place among the events, and whether the file is torn."""
    reader = open_history(path)
    lines = tuple(reader.lines())
    return HistoryLog(header=reader.header, lines=lines, torn_tail=reader.torn_tail)


def open_history(path: Path | str) -> LineReader[HistoryLine]:
    """A reader of a run's history; see open_events.

    Raises:
        HistoryError: there is no such file.
    """
    return LineReader(_file_in(path, HISTORY_FILE), "history", summary_from_document)


def _file_in(path: Path | str, name: str) -> Path:
    path = Path(path)
    if not path.exists():
        raise HistoryError(f"{path} does not exist: give the path of a run directory or of an {name}")
    if path.is_file():
        return path
    if not path.is_dir():
        raise HistoryError(f"{path} is not a file: give the path of a run directory or of an {name}")
    if not (path / name).is_file():
        raise HistoryError(f"{path} is not a run directory: it has no {name}")
    return path / name


class LineReader(Generic[Line]):
    """One pass over one file, whose path is public.

    The header is known once lines() has started, and torn_tail once it has ended. The sequence numbers of events follow
    each other without a gap, from 1. In a history they rise from batch to batch, and the batches of every policy group
    follow each other without a gap.
    """

    header: FileHeader
    torn_tail: bool

    def __init__(self, path: Path, kind: FileKind, parse: Callable[[Document], Line]) -> None:
        self.path = path
        self._kind: FileKind = kind
        self._parse = parse

    def lines(self) -> Iterator[Line]:
        """Every committed line after the header.

        Raises:
            HistoryError: a line is wrong; the message names file and line.
        """
        return (line for line, _ in self.lines_with_ends())

    def lines_with_ends(self) -> Generator[tuple[Line, int]]:
        """Like lines, each with the place in the file where it ends, in bytes."""
        self.torn_tail = False
        try:
            with open_file(self.path) as file:
                text = file.readline(_LONGEST_HEADER)
                self.header = parse_header(self.path, text, self._kind)
                order = _Order(strict=self.header.schema_version >= FIRST_SEALED)
                number, end = 1, len(text)
                while text := self._next(file, number + 1):
                    number, end = number + 1, end + len(text)
                    if not text.endswith(b"\n"):
                        self.torn_tail = True
                        return
                    yield self._parse_line(number, text, order), end
        except OSError as error:
            raise HistoryError(f"{self.path} cannot be read: {error}") from error

    def lines_with(self, word: str) -> Iterator[Line]:
        """The committed lines that hold this word; the others are not even parsed.

        Raises:
            HistoryError: one of them is wrong.
        """
        try:
            with open_file(self.path) as file:
                self.header = parse_header(self.path, file.readline(_LONGEST_HEADER), self._kind)
                number = 1
                while (text := self._next(file, number + 1)).endswith(b"\n"):
                    number += 1
                    if word.encode() in text:
                        yield self._parse_line(number, text, _Order(strict=False))
        except OSError as error:
            raise HistoryError(f"{self.path} cannot be read: {error}") from error

    def end_of(self, seq: int) -> int:
        """The size in bytes of the part that holds the lines up to this sequence number, and no later one.

        Raises:
            HistoryError: a line up to there is wrong, or the file does not reach as far.
        """
        last, end = 0, self._header_size()
        for line, line_end in self.lines_with_ends():
            if line.seq > seq:
                break
            last, end = line.seq, line_end
        if last < seq and self._kind == "events":
            raise HistoryError(f"{self.path} ends at event {last}, before the checkpoint's last event {seq}")
        return end

    def _header_size(self) -> int:
        with open_file(self.path) as file:
            return len(file.readline(_LONGEST_HEADER))

    def _next(self, file: BinaryIO, number: int) -> bytes:
        try:
            return read_line(file)
        except RecordError as error:
            raise self._error(number, str(error)) from error

    def _parse_line(self, number: int, text: bytes, order: _Order) -> Line:
        try:
            line = self._parse(document_of(text, self._kind, self.header.schema_version))
            order.check(line)
        except RecordError as error:
            raise self._error(number, str(error)) from error
        return line

    def _error(self, number: int, problem: str) -> HistoryError:
        return HistoryError(f"{self.path}, line {number}: {problem}")


class _Order:
    """What the lines read so far say about which may come next."""

    def __init__(self, *, strict: bool) -> None:
        """Nothing was read yet.

        strict: whether gaps are errors. Files of version 1 may have some.
        """
        self._strict = strict
        self._seq = 0
        self._batches: dict[str, int] = {}

    def check(self, line: Event | HistoryLine) -> None:
        """Take in the next line.

        Raises:
            RecordError: a line is missing before it, or it comes too late.
        """
        if isinstance(line, Event):
            self._check_event(line.seq)
        else:
            self._check_batch(line)
        self._seq = line.seq

    def _check_event(self, seq: int) -> None:
        if seq <= self._seq:
            raise _wrong("seq", seq, f"is {seq} after {self._seq}: it must rise")
        if self._strict and seq > self._seq + 1:
            missing = seq - self._seq - 1
            raise _wrong("seq", seq, f"is {seq} after {self._seq}: {missing:,} events are missing")

    def _check_batch(self, line: HistoryLine) -> None:
        if line.seq < self._seq:
            raise _wrong("seq", line.seq, f"is {line.seq} after {self._seq}: it must rise")
        group, batch = line.summary.group_id, line.summary.batch
        expected = self._batches.get(group, 0) + 1
        if self._strict and batch != expected:
            raise _wrong("summary.batch", batch, f"is {batch}, the next of group {group} is {expected}")
        self._batches[group] = batch


def _wrong(path: str, value: int, problem: str) -> RecordError:
    return RecordError(path, value, "the next one", problem=problem)


_LONGEST_HEADER: Final = LONGEST_UNSEALED_LINE
