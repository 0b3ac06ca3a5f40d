"""A download on the console."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from esper.console import PlainConsole


class DownloadBar:
    """A bar on stderr, with the interface that pooch expects: total, update, reset, close.

    It appears with the first byte, so a file that is in the cache shows nothing. Without a terminal it is a single
    line.
    """

    def __init__(self, name: str) -> None:
        self.total = 0
        self._name = name
        self._console = PlainConsole(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(f"downloading {name}", total=None)
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def update(self, size: int) -> None:
        """Count more bytes.

        size: the number of bytes that have arrived since the last call.
        """
        if not self._started:
            self._started = True
            self._progress.start()
            if not self._console.is_terminal:
                size_text = f"{self.total / 1e6:.1f} MB"
                self._console.print(f"downloading {self._name}, {size_text}", highlight=False, soft_wrap=True)
        self._progress.update(self._task, advance=size, total=self.total or None)

    def reset(self) -> None:
        """Go back to no bytes."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Leave the bar as it is, and continue below it."""
        self._progress.stop()
