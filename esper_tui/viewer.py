"""The process of one visitor of a served cockpit. It is drawn through a pipe and not on a terminal.

`python -m esper_tui.viewer watch RUN [PLUGIN ...]` or `replay RUN ORIGIN`, started by textual-serve.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from esper.errors import EsperError
from esper.history.recorded_events import RecordedEvents
from esper.plugins import load_plugins
from esper_tui.app import CockpitApp
from esper_tui.settings import Settings, load_settings, settings_path
from esper_tui.sources.replay import ReplaySource
from esper_tui.sources.watch import WatchSource


def view(arguments: Sequence[str]) -> None:
    """Show a run until the visitor leaves.

    Raises:
        EsperError: the run cannot be read, or no longer.
    """
    kind, run, *rest = arguments
    settings = load_settings(settings_path())
    if kind == "watch":
        load_plugins(rest)
        _watch(Path(run), settings)
    else:
        _replay(Path(run), rest[0], settings)


def _watch(run: Path, settings: Settings) -> None:
    source = WatchSource(run, clock=time.monotonic)
    with source.following():
        CockpitApp(source, settings=settings, read_only=True, served=True).run()
    if source.failure is not None:
        raise source.failure


def _replay(run: Path, origin: str, settings: Settings) -> None:
    with closing(RecordedEvents(run)) as recording:
        app = CockpitApp(ReplaySource(recording, origin=origin, clock=time.monotonic), settings=settings, served=True)
        app.run()
    if app.damage is not None:
        raise app.damage


if __name__ == "__main__":
    try:
        view(sys.argv[1:])
    except EsperError as error:
        sys.exit(f"esper: {error}")
