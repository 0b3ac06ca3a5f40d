"""Writes a run's events and batch summaries as they come."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from esper.errors import TelemetryWriteError
from esper.history.codec import event_to_json, header_to_json, summary_to_json
from esper.history.records import FileHeader
from esper.history.run_directory import RunDirectory
from esper.telemetry.events import Event, EventKind
from esper.training.vectorized_types import BatchSummary

FLUSH_SECONDS = 1.0
"""Events are held back for about this long at most, so that a reader who follows the file sees the run move."""


class LineFile:
    """A file to which whole lines are appended. What was written is never rewritten.

    Lines are held in memory until flush. After a failed write nothing more is written, so that no line follows a torn
    one.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        """new: whether the file must not exist yet. If not, it must exist, and lines are added at its end."""
        self.path = path
        self._held: list[str] = []
        self._failure: OSError | None = None
        self._file = path.open("xb" if new else "r+b", buffering=0)
        self._file.seek(0, os.SEEK_END)

    def append(self, line: str) -> None:
        self._held.append(line)

    def flush(self) -> None:
        """Hand every held line to the operating system.

        Raises:
            OSError: they could not be written in full.
        """
        if self._failure is not None:
            raise self._failure
        if not self._held:
            return
        rest = memoryview(("\n".join(self._held) + "\n").encode())
        self._held.clear()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._failure = error
            raise

    def sync(self) -> None:
        """Flush, and make sure that the data is on the disk.

        Raises:
            OSError: held lines could not be written in full.
        """
        self.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close.

        Raises:
            OSError: held lines could not be written in full.
        """
        try:
            self.sync()
        finally:
            self._file.close()


class HistoryWriter:
    """The sink that keeps the record of the run. Its failure ends the run.

    Events reach the file at the end of every batch, and about once a second in between.
    """

    name = "history writer"
    critical = True

    def __init__(self, directory: RunDirectory, header: FileHeader | None, *, last_seq: int = 0) -> None:
        """Open events.jsonl and history.jsonl.

        header: the header of events.jsonl, with which both files start. None if both exist, and the record goes on
            after the event last_seq.

        Raises:
            OSError: a file that is to be new exists already, or a file cannot be written.
        """
        self._events = LineFile(directory.events_path, new=header is not None)
        self._history = LineFile(directory.history_path, new=header is not None)
        self._last_seq = last_seq
        self._last_flush = float("-inf")
        if header is not None:
            self._events.append(header_to_json(header))
            self._history.append(header_to_json(replace(header, file="history")))
            self._events.flush()
            self._history.flush()

    def accept(self, event: Event) -> None:
        """Append one event.

        Raises:
            OSError: events could not be written.
        """
        self._events.append(event_to_json(event))
        self._last_seq = event.seq
        if event.kind is EventKind.BATCH_EPOCH_COMPLETED or event.time - self._last_flush >= FLUSH_SECONDS:
            self._events.flush()
            self._last_flush = event.time

    def write_summary(self, summary: BatchSummary) -> None:
        """Append one batch to history.jsonl, after every event so far.

        Raises:
            TelemetryWriteError: it could not be written.
        """
        try:
            self._events.flush()
            self._history.append(summary_to_json(summary, seq=self._last_seq))
            self._history.flush()
        except OSError as error:
            raise TelemetryWriteError(f"{self.name} cannot write: {error}") from error

    def sync(self) -> None:
        """Put everything that was written so far on the disk.

        Raises:
            OSError: it could not be written.
        """
        self._events.sync()
        self._history.sync()

    def close(self) -> None:
        """Write out what is held back and close both files.

        Raises:
            OSError: something could not be written.
        """
        try:
            self._events.close()
        finally:
            self._history.close()
