"""console.log in a run's directory: what the run says when there is no terminal that could show it."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from esper.contracts.files import open_file

CONSOLE_LOG: Final = "console.log"
_SHOWN_BYTES: Final = 32_768
"""How much of a log's end is read in order to show it."""


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


def last_lines(run: Path) -> list[str]:
    """The last lines of a run's console log; none if nothing was printed, or if it cannot be read.

    run: the run's directory, or its events.jsonl.
    """
    folder = run.parent if run.is_file() else run
    try:
        with open_file(folder / CONSOLE_LOG) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _SHOWN_BYTES))
            text = file.read(_SHOWN_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = text.splitlines()
    return lines[1:] if size > _SHOWN_BYTES else lines


class _Follower(io.TextIOBase):
    """Writes to whatever sys.stdout or sys.stderr is at the moment."""

    def __init__(self, name: str) -> None:
        """name: stdout or stderr."""
        super().__init__()
        self._name = name

    def write(self, text: str, /) -> int:
        getattr(sys, self._name).write(text)
        return len(text)

    def flush(self) -> None:
        getattr(sys, self._name).flush()


def let_handlers_follow() -> None:
    """Let log handlers that hold the terminal's stream write to the current one, so that no screen is spoilt.

    A plug-in that calls logging.basicConfig() while it is imported has such a handler.
    """
    followers: dict[object, _Follower] = {sys.__stdout__: _Follower("stdout"), sys.__stderr__: _Follower("stderr")}
    for handler in _stream_handlers():
        follower = followers.get(handler.stream)
        if follower is not None:
            handler.setStream(follower)


def _stream_handlers() -> Iterable[logging.StreamHandler[io.TextIOBase]]:
    loggers = [
        logging.root,
        *(one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)),
    ]
    for logger in loggers:
        yield from (handler for handler in logger.handlers if isinstance(handler, logging.StreamHandler))
