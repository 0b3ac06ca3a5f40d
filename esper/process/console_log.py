"""console.log in a run's directory: what the run says when there is no terminal that could show it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

CONSOLE_LOG: Final = "console.log"


class ConsoleLog:
    """The console log of a run. It is made when it gets its first text."""

    def __init__(self, run: Path) -> None:
        self.path = run / CONSOLE_LOG
        self._terminals = tuple(number for number in (0, 1, 2) if os.isatty(number))

    def write(self, text: str) -> None:
        """Append text. A log that cannot be written is given up without a word, because no run depends on it."""
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            return

    def replace_terminal(self) -> None:
        """Let standard streams that were a terminal lead here from now on. This may be called in a signal handler.

        A stream that was sent elsewhere, to a file or a pipe, stays what it is.
        """
        null = os.open(os.devnull, os.O_RDWR)
        try:
            log = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError:  # The disk is full, for example: the run goes on, and says nothing.
            log = os.dup(null)
        for number in self._terminals:
            os.dup2(null if number == 0 else log, number)
        os.close(null)
        os.close(log)

    def replace_output(self) -> None:
        """Let stdout and stderr lead here, whatever they were."""
        self._terminals = (1, 2)
        self.replace_terminal()
