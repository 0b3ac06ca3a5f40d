"""Bars that show how far work is, on a terminal and nowhere else."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from esper.telemetry.events import EpochCompleted, Event


def countdown(console: Console) -> Progress:
    """A bar with its share and the time that is left, gone when it stops. Descriptions of tasks are what it says."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


class EpochBar:
    """A sink that counts the host epochs of several runs."""

    name = "progress"
    critical = False

    def __init__(self, console: Console, *, total: int) -> None:
        """total: the host epochs of all runs."""
        self._progress = countdown(console)
        self._task = self._progress.add_task("playing", total=total)
        self._progress.start()

    def accept(self, event: Event) -> None:
        if isinstance(event.payload, EpochCompleted):
            self._progress.update(self._task, advance=1)

    def close(self) -> None:
        """The bar stays for the next run."""

    def stop(self) -> None:
        """Take the bar off the screen."""
        self._progress.stop()
