"""How long `esper replay` takes, from the start of its process, until its terminal shows a frame of the recording."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
from pathlib import Path
from time import perf_counter
from typing import Final

from esper.errors import HistoryError

FRAME: Final = b"REPLAY"
"""The state word in the header of a frame."""

ROWS, COLUMNS = 45, 160
PATIENCE: Final = 120.0
"""Seconds after which a cockpit that shows nothing is given up."""


def seconds_to_first_frame(log: Path) -> float:
    """Open a recording in a terminal of its own and wait for the first frame.

    Raises:
        HistoryError: the cockpit ended, or showed no frame.
    """
    started = perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        environment = {**os.environ, "TERM": "xterm-256color", "LINES": str(ROWS), "COLUMNS": str(COLUMNS)}
        os.execve(sys.executable, [sys.executable, "-m", "esper", "replay", str(log)], environment)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        _wait_for_frame(master, started + PATIENCE)
        return perf_counter() - started
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def _wait_for_frame(master: int, deadline: float) -> None:
    """Read what is drawn until it holds a frame."""
    drawn = b""
    while FRAME not in drawn:
        ready, _, _ = select.select([master], [], [], max(0.0, deadline - perf_counter()))
        try:
            text = os.read(master, 1 << 16) if ready else b""
        except OSError:  # The other side is closed.
            text = b""
        if not text:
            raise HistoryError(f"esper replay drew no frame within {PATIENCE:.0f} s; its last words: {drawn[-200:]!r}")
        drawn += text
