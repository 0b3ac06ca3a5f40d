"""Writes a file of the original as a run directory, which every command can read that reads runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from esper.contracts.files import open_file
from esper.errors import HistoryError, RecordError
from esper.history.codec import document_digest, event_from_json, event_to_json, header_to_json, summary_to_json
from esper.history.disk import sync_to_disk
from esper.history.json_text import parse_python_object
from esper.history.legacy.book import ORIGINAL
from esper.history.legacy.dialect import Dialect
from esper.history.legacy.lines import LegacyLine, original_lines
from esper.history.reader import open_events
from esper.history.rebuilding import rebuilt_history
from esper.history.records import SCHEMA_VERSION, FileHeader
from esper.history.run_directory import EVENTS_FILE, HISTORY_FILE
from esper.history.sealing import seal
from esper.telemetry.events import DEFAULT_GROUP, Event, Payload, Severity

ASIDE_FILE: Final = "aside.jsonl"
"""Holds the lines of the original that have no counterpart, as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRun:
    """What came of a file.

    path: the run directory.
    dialect: how many lines became what.
    torn_tail: the file ends in an unfinished line, which was left out.
    rounds: how many the history has.
    """

    path: Path
    dialect: Dialect
    torn_tail: bool
    rounds: int


class ConvertedRun:
    """A run directory that grows with the lines that are added."""

    def __init__(self, folder: Path, run_id: str, first: LegacyLine) -> None:
        """Begin the log in an empty folder.

        first: the first line of the file, whose payload stands for the settings of the run.
        """
        self.dialect = Dialect()
        self._folder = folder
        self._header = _header(run_id, first)
        self._events = (folder / EVENTS_FILE).open("x", encoding="ascii", newline="\n")
        self._events.write(seal(header_to_json(self._header)) + "\n")
        self._aside: BinaryIO | None = None
        self._seq = 0
        self._last_time = first.time

    def add(self, line: LegacyLine) -> None:
        """Take in the next line.

        Raises:
            RecordError: it is damaged, or a value is outside of today's range.
        """
        payload = self.dialect.convert(line)
        self._last_time = line.time
        if payload is not None:
            self._write(payload, line.time, line.group_id, line.severity)
            return
        if self._aside is None:
            self._aside = (self._folder / ASIDE_FILE).open("xb")
        self._aside.write(line.text)

    @property
    def is_complete(self) -> bool:
        """Whether every round that the run set out to do is there."""
        return self.dialect.ending(self._last_time) is not None

    def flush(self) -> None:
        """Let readers see what was added."""
        self._events.flush()

    def close(self) -> int:
        """End the log, write the history, and give the number of its rounds."""
        ending = self.dialect.ending(self._last_time)
        if ending is not None:
            self._write(ending, self._last_time, DEFAULT_GROUP, Severity.INFO)
        self._events.close()
        if self._aside is not None:
            self._aside.close()
        rounds = self._write_history()
        for place in (*self._folder.iterdir(), self._folder):
            sync_to_disk(place)
        return rounds

    def _write(self, payload: Payload, time: float, group_id: str, severity: Severity) -> None:
        self._seq += 1
        event = Event(seq=self._seq, time=time, payload=payload, group_id=group_id, severity=severity)
        text = event_to_json(event)
        event_from_json(text)  # The original has no ranges, and today's readers refuse what is outside of theirs.
        self._events.write(seal(text) + "\n")

    def _write_history(self) -> int:
        rounds = 0
        with (self._folder / HISTORY_FILE).open("x", encoding="ascii", newline="\n") as file:
            file.write(seal(header_to_json(replace(self._header, file="history"))) + "\n")
            for line in rebuilt_history(open_events(self._folder).lines()):
                file.write(seal(summary_to_json(line.summary, seq=line.seq)) + "\n")
                rounds += 1
        return rounds


def default_name(source: Path) -> str:
    """The name of the run directory for a file: the time of its first line.

    Raises:
        HistoryError: it has no complete line, or the first is damaged.
    """
    with open_file(source) as file:
        first = next(original_lines(source, file), None)
    if first is None:
        raise no_line(source)
    return f"{datetime.fromtimestamp(first.time, UTC).strftime('%Y%m%dT%H%M%SZ')}-{ORIGINAL}"


def import_original(
    source: Path, target: Path, *, run_id: str, advance: Callable[[int], None] = lambda _: None
) -> ImportedRun:
    """Write a file of the original as a run directory, whole or not at all.

    target: must not exist yet.
    run_id: the id that the run's files name.
    advance: called now and then with the number of bytes that were read.

    Raises:
        HistoryError: a line of the file is damaged, or the directory exists or cannot be written.
    """
    if target.exists():
        raise HistoryError(f"{target} exists already: give the path of a new directory")
    beside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        imported = _convert(source, beside, run_id, advance)
        os.rename(beside, target)
    except OSError as error:
        raise HistoryError(f"{source} cannot be imported into {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return replace(imported, path=target)


def _convert(source: Path, folder: Path, run_id: str, advance: Callable[[int], None]) -> ImportedRun:
    with open_file(source) as file:
        run: ConvertedRun | None = None
        for number, line in enumerate(original_lines(source, file), start=1):
            run = run or ConvertedRun(folder, run_id, line)
            try:
                run.add(line)
            except RecordError as error:
                raise HistoryError(f"{source}, line {number}: {error}") from error
            if number % 500 == 0:
                advance(file.tell())
        torn = bool(file.read(1))
    if run is None:
        raise no_line(source)
    return ImportedRun(path=folder, dialect=run.dialect, torn_tail=torn, rounds=run.close())


def no_line(source: Path) -> HistoryError:
    """The error for a file that has nothing to begin with."""
    return HistoryError(f"{source} has no complete line: it is empty or was cut off at its start")


def _header(run_id: str, first: LegacyLine) -> FileHeader:
    return FileHeader(
        schema_version=SCHEMA_VERSION,
        run_id=run_id,
        config_digest=document_digest(parse_python_object(first.text)),
        package_version=ORIGINAL,
        created=datetime.fromtimestamp(first.time, UTC).isoformat(timespec="seconds"),
        file="events",
        provenance=None,
    )
