"""One writer per run directory: a lock that the operating system releases when its owner dies in any way."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from esper.contracts.files import open_file
from esper.errors import HistoryError

LOCK_FILE: Final = "lock"


class RunLock:
    """Holds a run directory for this process until close()."""

    def __init__(self, run: Path) -> None:
        """Take the lock.

        Raises:
            HistoryError: another process writes this run.
            OSError: the lock cannot be made.
        """
        self._file = (run / LOCK_FILE).open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise _in_use(run) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Release the lock. The file stays, because removing it would let two processes lock two files of one name."""
        self._file.close()


def check_unlocked(run: Path) -> None:
    """Check that no process writes this run now.

    Raises:
        HistoryError: one does.
    """
    if is_locked(run):
        raise _in_use(run)


def is_locked(run: Path) -> bool:
    """Whether a process writes this run now."""
    path = run / LOCK_FILE
    if not path.exists():
        return False
    with open_file(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def owner_pid(run: Path) -> int | None:
    """The id of the process that writes this run, if it is known."""
    try:
        text = (run / LOCK_FILE).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _in_use(run: Path) -> HistoryError:
    return HistoryError(f"{run} is being written by {_owner(run)}: wait for it, or stop it first")


def _owner(run: Path) -> str:
    pid = owner_pid(run)
    return "another process" if pid is None else f"process {pid}"
