"""Reads a run's files back into typed records.

A newline commits a line. What follows the last newline of a file is the torn tail of a write that never ended, or has
not ended yet. It is left out, and reported where the result has room for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from esper.errors import HistoryError, RecordError
from esper.history.codec import event_from_json, header_from_json, summary_from_json
from esper.history.records import SCHEMA_VERSION, EventLog, FileHeader, FileKind, HistoryLine, HistoryLog
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
    return list(iterate_events(path))


def iterate_events(path: Path | str) -> Iterator[Event]:
    """Like read_events, one event at a time, without holding the file in memory."""
    return open_events(path).lines()


def read_run_events(path: Path | str) -> EventLog:
    """Like read_events, with the header, and whether the file ends in a torn line."""
    reader = open_events(path)
    events = tuple(reader.lines())
    return EventLog(header=reader.header, events=events, torn_tail=reader.torn_tail)


def open_events(path: Path | str) -> LineReader[Event]:
    """A reader of a run's events, for callers that want them one by one, and also the header and the torn tail.

    Raises:
        HistoryError: there is no such file.
    """
    return LineReader(_file_in(path, EVENTS_FILE), "events", event_from_json)


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
    return LineReader(_file_in(path, HISTORY_FILE), "history", summary_from_json)


def _file_in(path: Path | str, name: str) -> Path:
    path = Path(path)
    if not path.exists():
        raise HistoryError(f"{path} does not exist: give the path of a run directory or of an {name}")
    if not path.is_dir():
        return path
    if not (path / name).is_file():
        raise HistoryError(f"{path} is not a run directory: it has no {name}")
    return path / name


class LineReader(Generic[Line]):
    """One pass over one file.

    The header is known once lines() has started, and torn_tail once it has ended. seq must rise from event to event. In
    a history it may stay the same, because the groups of a batch report one after another.
    """

    header: FileHeader
    torn_tail: bool

    def __init__(self, path: Path, kind: FileKind, parse: Callable[[bytes], Line]) -> None:
        self._path = path
        self._kind: FileKind = kind
        self._parse = parse

    def lines(self) -> Iterator[Line]:
        """Every committed line after the header.

        Raises:
            HistoryError: a line is wrong; the message names file and line.
        """
        self.torn_tail = False
        last_seq = 0
        try:
            with self._path.open("rb") as file:
                self.header = self._read_header(file.readline())
                for number, text in enumerate(file, start=2):
                    if not text.endswith(b"\n"):
                        self.torn_tail = True
                        return
                    line = self._parse_line(number, text)
                    if line.seq < last_seq or (line.seq == last_seq and self._kind == "events"):
                        raise self._error(number, f"seq is {line.seq} after {last_seq}: it must rise")
                    last_seq = line.seq
                    yield line
        except OSError as error:
            raise HistoryError(f"{self._path} cannot be read: {error}") from error

    def end_of(self, seq: int) -> int:
        """The size in bytes of the part that holds the lines up to this sequence number, and no later one.

        Raises:
            HistoryError: a line up to there is wrong, or the file does not reach as far.
        """
        last = 0
        with self._path.open("rb") as file:
            end = len(file.readline())
            for line in self.lines():
                if line.seq > seq:
                    break
                last, end = line.seq, end + len(file.readline())
        if last < seq and self._kind == "events":
            raise HistoryError(f"{self._path} ends at event {last}, before the checkpoint's last event {seq}")
        return end

    def _read_header(self, text: bytes) -> FileHeader:
        if not text.endswith(b"\n"):
            raise HistoryError(f"{self._path} has no complete header line: it is empty or was cut off at its start")
        try:
            header = header_from_json(text)
        except RecordError as error:
            raise self._error(1, f"not a header: {error}") from error
        if header.schema_version != SCHEMA_VERSION:
            raise self._error(
                1, f"schema version {header.schema_version}: this version of esper reads {SCHEMA_VERSION}"
            )
        if header.file != self._kind:
            raise self._error(1, f"the file holds {header.file}, not {self._kind}")
        return header

    def _parse_line(self, number: int, text: bytes) -> Line:
        try:
            return self._parse(text)
        except RecordError as error:
            raise self._error(number, str(error)) from error

    def _error(self, number: int, problem: str) -> HistoryError:
        return HistoryError(f"{self._path}, line {number}: {problem}")
