"""Asks the process that writes a run to stop, and waits until it has."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from esper.control.client import ask
from esper.control.messages import Action
from esper.errors import ConfigError, ControlError
from esper.history.run_list import run_state
from esper.history.run_lock import is_locked, owner_pid

_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 2.0


def ask_to_stop(run: Path, *, after_round: bool) -> int:
    """Ask the process that writes a run to end, and return its id.

    It is asked on the run's control socket. If nobody answers there, it gets SIGTERM.

    after_round: let it finish its round first, which no signal can ask for.

    Raises:
        ConfigError: no process writes the run, or its process cannot be reached.
        ControlError: it is to finish its round, and does not answer.
        HistoryError: the run cannot be read.
    """
    if not is_locked(run):
        raise ConfigError(f"{run} is not being written: it is {run_state(run).value}, so there is nothing to stop")
    try:
        return ask(run, Action.STOP_AFTER_ROUND if after_round else Action.STOP, patience=_PATIENCE_SECONDS).pid
    except ControlError:
        if after_round:
            raise
    return _send_signal(run)


def _send_signal(run: Path) -> int:
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
