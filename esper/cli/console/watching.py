"""A run of another process on the console: its rounds as they are committed, and whether it goes on."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console

from esper.cli.console.progress import ConsoleProgress
from esper.cli.console.run_ending import ending_lines
from esper.console import PlainConsole
from esper.history.follow import Follower, NewEvents
from esper.history.run_directory import RunDirectory
from esper.history.run_list import RunState, run_state
from esper.history.run_lock import is_locked
from esper.telemetry.events import BatchEpochCompleted, Event

POLL_SECONDS: Final = 0.25
SILENT_SECONDS: Final = 45.0
"""A live run whose log does not grow for this long is reported as silent, and again each time that it doubles."""


def watch_run(directory: RunDirectory) -> int:
    """Print a run from its first event to its end; returns the exit code of the command.

    Raises:
        HistoryError: the log is damaged, or was deleted.
        ConfigError: the settings of the run do not fit this version of Esper.
    """
    console = PlainConsole()
    follower = Follower(directory.path)
    known = directory.config_path.exists()  # Runs of the original have no settings.
    progress = ConsoleProgress(directory.load_config() if known else None, console)
    watched = WatchedRun(console, progress)
    try:
        while True:
            live = is_locked(directory.path)  # This comes before reading: what a live run wrote last is read next time.
            found = follower.read()
            watched.show(found, time.time(), live=live)
            if not live and not found.more and not found.events:
                break
            if not found.more:
                time.sleep(POLL_SECONDS)
    finally:
        progress.close()
        follower.close()
    return _report_end(directory, console)


class WatchedRun:
    """What is said about a run beside its rounds: that it is live, was silent, or went back."""

    def __init__(self, console: Console, progress: ConsoleProgress) -> None:
        self._console = console
        self._progress = progress
        self._round_of: dict[int, int] = {}
        self._announced: bool | None = None
        self._last_time: float | None = None
        self._silence = SILENT_SECONDS

    def show(self, found: NewEvents, now: float, *, live: bool) -> None:
        """Print what is new.

        now: the time in seconds since the Unix epoch.
        live: whether a process held the lock of the run before the events were read.
        """
        if live and self._announced is None:
            self._say("LIVE: another process writes this run; Ctrl-C ends watching, not the run")
        self._announced = live
        if found.back_to is not None:
            self._say(f"RESUMED: the run went back to the end of round {self._round_of.get(found.back_to, 0)}")
        for event in found.events:
            self._accept(event)
        if found.events:
            self._last_time, self._silence = now, SILENT_SECONDS
        elif live:
            self._report_silence(now)

    def _accept(self, event: Event) -> None:
        if isinstance(event.payload, BatchEpochCompleted):
            self._round_of[event.seq] = event.payload.batch
        self._progress.accept(event)

    def _report_silence(self, now: float) -> None:
        self._last_time = now if self._last_time is None else self._last_time
        quiet = now - self._last_time
        if quiet >= self._silence:
            self._silence *= 2
            self._say(f"SILENT {quiet:.0f} s: the process is there, but has recorded nothing since")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def _report_end(directory: RunDirectory, console: Console) -> int:
    """Say how the run ended; returns 1 if it failed or was cut off, and 0 otherwise."""
    state = run_state(directory.path)
    word = "CUT OFF" if state is RunState.CUT_OFF else "ENDED"
    first, *rest = ending_lines(directory.path)
    console.print(f"{word}: {first}", soft_wrap=True)
    for line in rest:
        console.print(line, soft_wrap=True)
    return int(state in (RunState.FAILED, RunState.CUT_OFF))
