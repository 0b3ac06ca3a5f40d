"""The sink that all trackers share: it opens its tracker when training starts, and hands it the figures of rounds."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from esper.telemetry.events import Event, TrainingStarted
from esper.telemetry.trackers.figures import Figures, figures_of


class Tracker(Protocol):
    """A place that collects figures."""

    def log(self, figures: Figures) -> None:
        """Take some figures of a round. Those of one round may come in several calls."""
        ...

    def close(self) -> None:
        """Write out what is held back, and let go of files and connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """A run that is about to be tracked, for the first time or again.

    path: its directory.
    first_batch: the round that comes next; what a tracker holds of this and later rounds is out of date.
    """

    path: Path
    first_batch: int

    @property
    def name(self) -> str:
        return self.path.name

    def settings(self) -> dict[str, dict[str, object]]:
        """The settings of the run, as tables."""
        return tomllib.loads((self.path / "config.toml").read_text(encoding="utf-8"))


class TrackerSink:
    """An ordinary sink: if its tracker fails, it is detached, and training goes on."""

    critical = False

    def __init__(self, name: str, run: Path, open_tracker: Callable[[TrackedRun], Tracker]) -> None:
        self.name = name
        self._run = run
        self._open = open_tracker
        self._tracker: Tracker | None = None

    def accept(self, event: Event) -> None:
        """Hand the event's figures to the tracker, which the start of training opens."""
        if isinstance(event.payload, TrainingStarted):
            self._tracker = self._open(TrackedRun(path=self._run, first_batch=event.payload.start_batch))
        figures = figures_of(event)
        if self._tracker is not None and figures is not None:
            self._tracker.log(figures)

    def close(self) -> None:
        """Close the tracker, if training ever started."""
        if self._tracker is not None:
            self._tracker.close()
