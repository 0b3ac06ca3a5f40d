"""Writes a run's events and batch summaries as they come."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path

from esper.errors import TelemetryWriteError
from esper.history.codec import event_to_json, header_to_json, summary_to_json
from esper.history.records import FileHeader
from esper.history.run_directory import RunDirectory
from esper.history.sealing import seal
from esper.telemetry.events import EpochCompleted, Event, EventKind
from esper.training.vectorized_types import BatchSummary

FLUSH_SECONDS = 1.0
"""Events are held back for about this long at most, so that a reader who follows the file sees the run move."""


class LineFile:
    """A file to which whole lines are appended. What was written is never rewritten.

    Lines are held in memory until flush, which a timer's thread may call as well. After a failed write nothing more is
    written, so that no line follows a torn one.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        """Open the file.

        new: whether the file must not exist yet. If not, lines are added at the end of the one that exists.
        """
        self.path = path
        self._held: list[str] = []
        self._failure: OSError | None = None
        self._lock = threading.Lock()
        # Appending puts every write at the end, wherever another process has moved that to.
        self._file = open(path, "ab", buffering=0, opener=_create if new else None)  # noqa: SIM115
        self._size = os.fstat(self._file.fileno()).st_size

    def append(self, line: str) -> None:
        """Hold a line until the next flush."""
        with self._lock:
            self._held.append(line)

    def flush(self) -> None:
        """Hand every held line to the operating system.

        Raises:
            OSError: they could not be written in full, now or earlier.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if not self._held:
                return
            rest = memoryview(("\n".join(self._held) + "\n").encode())
            self._held.clear()
            try:
                while rest:
                    written = self._file.write(rest)
                    self._size += written
                    rest = rest[written:]
            except OSError as error:
                self._failure = error
                raise

    def sync(self) -> None:
        """Flush, and make sure that the data is on the disk, in the file of this name.

        Raises:
            OSError: held lines could not be written in full, or another process deleted, replaced or changed the file.
        """
        self.flush()
        os.fsync(self._file.fileno())
        self._check_untouched()

    def _check_untouched(self) -> None:
        """Writing to a file that was deleted succeeds, so only looking for it shows that the record is lost."""
        ours, name = os.fstat(self._file.fileno()), self.path
        try:
            there = name.stat()
        except FileNotFoundError:
            raise OSError(errno.ENOENT, "it was deleted while the run was writing it", str(name)) from None
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise OSError(errno.ESTALE, "it was replaced while the run was writing it", str(name))
        if ours.st_size != self._size:
            raise OSError(errno.EIO, "another process changed it while the run was writing it", str(name))

    def close(self) -> None:
        """Sync and close.

        Raises:
            OSError: as for sync.
        """
        try:
            self.sync()
        finally:
            self._file.close()


def _create(path: str, flags: int) -> int:
    """Open a file that must not exist yet."""
    return os.open(path, flags | os.O_EXCL, 0o666)


class FlushTimer:
    """Flushes a file about once a second from a thread of its own, however long the run takes for its next event."""

    def __init__(self, file: LineFile, seconds: float = FLUSH_SECONDS) -> None:
        self._file = file
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flush", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._file.flush()
            except OSError:  # the file remembers it and raises it again in the trainer's thread
                return

    def stop(self) -> None:
        """Flush no more."""
        self._over.set()
        self._thread.join()


class HistoryWriter:
    """The sink that keeps the record of the run. Its failure ends the run.

    Events reach the file at the end of every batch and with every epoch, and about once a second in between, whatever
    the clocks say.
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
        self._epoch = 0
        if header is not None:
            self._events.append(seal(header_to_json(header)))
            self._history.append(seal(header_to_json(replace(header, file="history"))))
            self._events.flush()
            self._history.flush()
        self._timer = FlushTimer(self._events)

    def accept(self, event: Event) -> None:
        """Append one event.

        Raises:
            OSError: events could not be written.
        """
        self._events.append(seal(event_to_json(event)))
        self._last_seq = event.seq
        if event.kind is EventKind.BATCH_EPOCH_COMPLETED:
            self._events.sync()
        elif isinstance(event.payload, EpochCompleted) and event.payload.epoch != self._epoch:
            self._epoch = event.payload.epoch
            self._events.flush()

    def write_summary(self, summary: BatchSummary) -> None:
        """Append one batch to history.jsonl, after every event so far.

        Raises:
            TelemetryWriteError: it could not be written.
        """
        try:
            self._events.flush()
            self._history.append(seal(summary_to_json(summary, seq=self._last_seq)))
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
        self._timer.stop()
        try:
            self._events.close()
        finally:
            self._history.close()
