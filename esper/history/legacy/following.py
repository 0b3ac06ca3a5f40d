"""Follows a file of the original while it grows: a run directory grows with it, which every watcher can follow."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from esper.errors import HistoryError, RecordError
from esper.history.legacy.importing import ConvertedRun, ImportedRun, no_line
from esper.history.legacy.lines import original_lines
from esper.history.run_lock import RunLock

FORSAKEN_SECONDS: Final = 600.0
"""Nothing says whether the original still runs. A file that was not written for so long counts as cut off."""


class FollowedOriginal:
    """The run directory that grows. Its lock is held for as long as the original seems to run.

    is_over: whether every round is complete, or nobody seems to write the file any more.
    """

    def __init__(self, source: Path, folder: Path, *, run_id: str) -> None:
        """Take in what the file has, into an empty folder.

        Raises:
            HistoryError: a line is damaged, or there is none yet.
            OSError: the file cannot be read, or the directory cannot be written.
        """
        self.is_over = False
        self._source, self._folder = source, folder
        self._file: BinaryIO = source.open("rb")
        first = next(original_lines(source, self._file), None)
        if first is None:
            self._file.close()
            raise no_line(source)
        self._run = ConvertedRun(folder, run_id, first)
        self._lock = RunLock(folder)
        self._lines = 0
        self._file.seek(0)
        self.look()

    def look(self) -> None:
        """Take in the lines that were committed since the last look.

        Raises:
            HistoryError: a line is damaged.
            OSError: the directory cannot be written, or the file is gone.
        """
        for line in original_lines(self._source, self._file, first=self._lines + 1):
            self._lines += 1
            try:
                self._run.add(line)
            except RecordError as error:
                raise HistoryError(f"{self._source}, line {self._lines}: {error}") from error
        self._run.flush()
        silence = time.time() - self._source.stat().st_mtime
        self.is_over = self._run.is_complete or silence > FORSAKEN_SECONDS

    def close(self) -> ImportedRun:
        """End the log, and let watchers see that nobody writes it any more."""
        torn = bool(self._file.read(1))
        self._file.close()
        rounds = self._run.close()
        self._lock.close()
        return ImportedRun(path=self._folder, dialect=self._run.dialect, torn_tail=torn, rounds=rounds)

    def abandon(self) -> None:
        """Leave the log as it is, after an error."""
        self._file.close()
        with suppress(OSError):
            self._run.flush()
        self._lock.close()
