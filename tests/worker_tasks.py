"""Pieces of work for tests/test_workers.py. They are functions of a module that other processes can import."""

from __future__ import annotations

import os
import time
from pathlib import Path

from esper.errors import HistoryError, RecordError
from esper.workers import Workplace, WorkStoppedError


def double(number: int, workplace: Workplace) -> int:
    workplace.advance(number)
    return 2 * number


def fail(kind: str, _: Workplace) -> int:
    if kind == "user":
        raise RecordError("a.b", 3, "a text", problem="is no text")
    if kind == "file":
        raise HistoryError("the disk is full")
    os._exit(9)


def last_until_stopped(started: Path, workplace: Workplace) -> int:
    """Say that it has begun, and end when it is told to."""
    (started / str(os.getpid())).touch()
    while not workplace.control.stop_requested:
        time.sleep(0.01)
    raise WorkStoppedError
