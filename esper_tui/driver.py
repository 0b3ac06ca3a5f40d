"""Textual's driver for a terminal that can be stopped, resumed and taken away.

Textual's own driver reads a vanished terminal for ever at full speed, dies of the first failed write, and starts a
second reader when a process that was never suspended is resumed.
"""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import termios
from collections.abc import Callable
from threading import Thread
from typing import Final, TextIO

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

RESTORE: Final = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Mouse reporting and bracketed paste off, line wrap on, the usual keyboard protocol, the main screen, the cursor."""


class TolerantFile(io.StringIO):
    """A terminal to write to. After the first failed write, whatever is written goes nowhere."""

    def __init__(self, file: TextIO, gone: Callable[[], None]) -> None:
        """Wrap a file.

        gone: called once, when a write fails.
        """
        super().__init__()
        self._terminal = file
        self._gone = gone
        self._is_gone = False

    def write(self, text: str, /) -> int:
        """Write, or do nothing if the terminal is gone."""
        if not self._is_gone:
            try:
                self._terminal.write(text)
            except OSError:
                self._lose()
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing if the terminal is gone."""
        if not self._is_gone:
            try:
                self._terminal.flush()
            except OSError:
                self._lose()

    def fileno(self) -> int:
        return self._terminal.fileno()

    def _lose(self) -> None:
        self._is_gone = True
        self._gone()


class CockpitDriver(LinuxDriver):
    """Reports a terminal that is gone, in whichever way that shows first, and survives it."""

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        numbers = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
        self._previous = {number: signal.getsignal(number) for number in numbers}
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert sys.__stderr__ is not None, "the command line opens missing streams"
        self._file = TolerantFile(sys.__stderr__, self.terminal_gone)
        self._closing, self._close = os.pipe()
        self._watcher = Thread(target=self._watch, name="terminal-watcher", daemon=True)
        self._watcher.start()

    def terminal_gone(self) -> None:
        """What is to happen when the terminal is gone. This may be called from any thread, and more than once."""

    def run_input_thread(self) -> None:
        """Hand on what is typed, until the app closes or the terminal is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self.terminal_gone()

    def close(self) -> None:
        """Stop the threads, and give the signals back."""
        super().close()
        os.write(self._close, b"x")
        self._watcher.join()
        os.close(self._close)
        os.close(self._closing)
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _watch(self) -> None:
        """Sleep until the terminal hangs up or the driver closes."""
        watched = select.poll()
        watched.register(self.fileno, 0)  # A hang-up is reported in any case.
        watched.register(self._closing, select.POLLIN)
        for number, event in watched.poll():
            if number == self.fileno and event & (select.POLLHUP | select.POLLERR):
                self.exit_event.set()  # The reader would otherwise read nothing, for ever, at full speed.
                self.terminal_gone()

    def _sigcont_application(self, *_: object) -> None:
        """Open the screen again after a suspension; a process that was stopped in another way still has it open."""
        if self._must_signal_resume:
            super()._sigcont_application()
        else:
            self._app.call_later(self._app.refresh)


def driver_reporting_to(gone: Callable[[], None]) -> type[CockpitDriver]:
    """The class of a driver that calls gone when the terminal is gone."""

    class ReportingDriver(CockpitDriver):
        """A driver of one session."""

        def terminal_gone(self) -> None:
            gone()

    return ReportingDriver


def restorer() -> Callable[[], None]:
    """A function that puts the terminal back into its present state at once, from within a signal handler, too."""
    try:
        attributes = termios.tcgetattr(0)
    except termios.error:
        return lambda: None

    def restore() -> None:
        try:
            os.write(2, RESTORE)
            termios.tcsetattr(0, termios.TCSANOW, attributes)
        except (OSError, termios.error):  # There is no terminal any more that could be restored.
            return

    return restore
