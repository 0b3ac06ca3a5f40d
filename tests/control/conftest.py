"""A run that is served: its lock is held and its socket listens, with nobody training."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from esper.control.server import served_control
from esper.history.run_lock import RunLock
from esper.training.run_control import RunControl

Serve = Callable[[Path], Generator[RunControl]]


@pytest.fixture
def run() -> Generator[Path]:
    """An empty directory with a short path, as pytest's own may be too long for a socket."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def served(run: Path) -> Generator[RunControl]:
    control, lock, notes = RunControl(), RunLock(run), list[str]()
    try:
        with served_control(control, run, notes.append):
            assert notes == []
            yield control
    finally:
        lock.close()


@pytest.fixture
def control(run: Path) -> Generator[RunControl]:
    """The control of a run whose socket listens."""
    with served(run) as made:
        yield made
