"""Asks the process that writes a run to stop, and waits until it has."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from esper.errors import ConfigError
from esper.history.run_list import run_state
from esper.history.run_lock import is_locked, owner_pid

_POLL_SECONDS: Final = 0.1


def ask_to_stop(run: Path) -> int:
    """Send SIGTERM to the process that writes a run, and return its id.

    Raises:
        ConfigError: no process writes the run, or its process cannot be reached.
        HistoryError: the run cannot be read.
    """
    if not is_locked(run):
        raise ConfigError(f"{run} is not being written: it is {run_state(run).value}, so there is nothing to stop")
    pid = owner_pid(run)
    if pid is None:
        raise ConfigError(f"{run} is being written, but its lock does not say by which process: try again")
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        raise ConfigError(
            f"{run} is being written by process {pid}, which is not on this machine: stop it where it runs"
        ) from None
    except PermissionError:
        raise ConfigError(
            f"{run} is being written by process {pid} of another user: only that user may stop it"
        ) from None
    return pid


def wait_for_end(run: Path, seconds: float, waiting: Callable[[], None]) -> bool:
    """Wait until no process writes the run any more; returns whether that came within the time.

    waiting: called about ten times a second.
    """
    deadline = time.monotonic() + seconds
    while is_locked(run):
        if time.monotonic() >= deadline:
            return False
        waiting()
        time.sleep(_POLL_SECONDS)
    return True
