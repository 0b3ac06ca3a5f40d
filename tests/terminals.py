"""Runs the command line in a pseudo-terminal, as a user's terminal emulator does."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PATIENCE: Final = 150.0
"""Seconds after which a test gives up; nothing that passes takes nearly as long."""


class Terminal:
    """A process and the terminal that it runs in. What it writes is kept in screen."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
            own = {"TERM": "xterm-256color", "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **environment}
            # Readline, which pytest loads, puts COLUMNS and LINES into the process's environment behind os.environ's
            # back. They would hide the size of this terminal, so the environment is passed on as Python knows it.
            known = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
            os.execve(sys.executable, [sys.executable, "-m", "esper", *arguments], known | own)
        self.screen = bytearray()
        self.resize(40, 130)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                text = os.read(self._master, 65536)
            except OSError:  # the other side is closed
                return
            if not text:
                return
            self.screen.extend(text)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def answer_to(self, keys: str, answer: bytes) -> None:
        """Press the keys, and wait until what is drawn from then on holds the answer."""
        before = len(self.screen)
        self.type(keys)
        self.wait_for(lambda: answer in self.screen[before:])

    def close(self) -> None:
        """Take the terminal away, as a closed window does: the kernel hangs it up."""
        os.close(self._master)

    def send(self, *signals: signal.Signals) -> None:
        for one in signals:
            os.kill(self.pid, one)
            time.sleep(0.3)

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None, self.screen[-2000:]
            assert time.monotonic() < deadline, self.screen[-2000:]
            time.sleep(0.05)

    def wait(self) -> int:
        """The exit code, or the negative signal that ended the process."""
        deadline = time.monotonic() + PATIENCE
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, "the process does not end"
            time.sleep(0.05)


@contextmanager
def terminal(folder: Path, *arguments: str, **environment: str) -> Generator[Terminal]:
    """A command in a terminal of 40 rows and 130 columns; it is killed if it is left over."""
    started = Terminal(arguments, folder, environment)
    try:
        yield started
    finally:
        if started.pid:
            os.kill(started.pid, signal.SIGKILL)
            os.waitpid(started.pid, 0)
