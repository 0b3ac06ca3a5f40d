"""The cockpit on a run that another process trains."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from esper.history.run_list import RunState, run_state
from esper.process.signals import stop_on_signals
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.driver import restorer
from esper_tui.settings import load_settings, settings_path
from esper_tui.sources.watch import WatchSource
from esper_tui.widgets.ascii import can_write


def watch(run: Path, *, read_only: bool, original: Path | None = None) -> int:
    """Show a run from its first event on, while another process trains it and after that.

    read_only: leave out every key that changes the run.
    original: what of the original system the run directory is made of, if it is. Nobody can be asked for anything then,
        and nothing can be noted, because the directory is gone at the end.

    Returns:
        The process's exit code: 1 if the run failed or was cut off by the time the viewer left, and 0 otherwise.

    Raises:
        HistoryError: there is no run, its log is damaged, or it was deleted meanwhile.
    """
    settings = load_settings(settings_path())
    source = WatchSource(run, origin=str(original or run), clock=time.monotonic)
    with stop_on_signals(RunControl()) as signals:
        signals.speaks, signals.restore_terminal = False, restorer()
        app = CockpitApp(
            source,
            signals=signals,
            settings=settings,
            read_only=read_only or original is not None,
            ascii=not can_write(sys.stdout.encoding),
            notes_in=run if original is None else None,
        )
        with source.following():
            app.run()
    if source.failure is not None:
        raise source.failure
    if not signals.hung_up:
        print(original or run)
    ended_badly = run_state(run) in (RunState.FAILED, RunState.CUT_OFF)
    return app.return_code or signals.exit_code or int(ended_badly)
