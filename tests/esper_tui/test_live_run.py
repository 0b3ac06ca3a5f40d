"""The real app over a real run on the digits, in its worker thread, recorded, to its end; then its replay."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from textual.pilot import Pilot

from esper.history import read_events, read_history
from esper.history.presets import resolve_config
from esper.history.recording import open_recording
from esper.process.console_log import ConsoleLog
from esper.process.signals import stop_on_signals
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.session import report_end, run_live, training_job
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.snapshot import CockpitSnapshot
from esper_tui.widgets.decision_panel import DecisionPanel
from esper_tui.widgets.env_table import EnvTable
from esper_tui.widgets.header import HeaderPanel
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.policy_panel import PolicyPanel
from esper_tui.widgets.text import plain

ENVS, EPOCHS, ROUNDS = 3, 4, 2


def test_a_real_run_is_shown_recorded_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "36")
    values = {"run.rounds": ROUNDS, "fleet.envs": ENVS, "fleet.episode_length": EPOCHS, "run.threads": 1}
    config = resolve_config("digits", overrides=(), values=values)
    control, seen = RunControl(), dict[str, str]()

    async def watch(pilot: Pilot[Leaving]) -> None:
        app = pilot.app
        deadline = time.monotonic() + 120.0

        def text(panel: type[LinePanel]) -> str:
            return "\n".join(plain(line) for line in app.screen.query_one(panel).lines)

        while not (app.screen.query(HeaderPanel) and "ENDED ok" in text(HeaderPanel)):
            assert time.monotonic() < deadline, "the run did not end"
            await pilot.pause(0.05)
        for panel in (HeaderPanel, EnvTable, DecisionPanel, PolicyPanel):
            seen[panel.__name__] = text(panel)
        await pilot.press("q")

    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(config, tmp_path))
        run_path = recording.directory.path
        failure_path = run_path / "failure.txt"
        source = LiveSource(control=control, origin=str(run_path), clock=time.monotonic)
        app = CockpitApp(source, job=training_job([GroupSpec(config=config)], recording, stack, failure_path))
        with stop_on_signals(control) as signals:
            run_live(app, source, signals, ConsoleLog(run_path), out=sys.stdout, pilot=watch)

    assert report_end(source, failure_path, out=sys.stdout, errors=sys.stderr) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(run_path)
    assert app.return_value is Leaving.OVER
    assert f"round {ROUNDS}/{ROUNDS}" in seen["HeaderPanel"]
    assert f"epoch {EPOCHS}/{EPOCHS}" in seen["HeaderPanel"]
    assert len(seen["EnvTable"].splitlines()) == 1 + ENVS
    assert "= r ✓" in seen["DecisionPanel"]
    assert "r2 " in seen["PolicyPanel"]
    assert len(read_history(run_path)) == ROUNDS
    assert replayed(run_path) == source.latest()


def replayed(run_path: Path) -> CockpitSnapshot:
    """The last figures of the recording."""
    return ReplaySource(read_events(run_path), origin=str(run_path), clock=time.monotonic).snapshot()
