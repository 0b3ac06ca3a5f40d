"""The app, driven by keys over a scripted run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot
from textual.widgets import Button, Static

from esper.process.console_log import ConsoleLog
from esper.process.signals import stop_on_signals
from esper.telemetry.events import BatchEpochCompleted, RunEnd
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.screens.failure import FailureScreen
from esper_tui.screens.help import HelpScreen
from esper_tui.screens.layout import FOLDED
from esper_tui.screens.leave import LeaveScreen
from esper_tui.session import report_end, round_lines, run_live, saving_failure
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.widgets.ascii import can_write
from esper_tui.widgets.decision_panel import DecisionPanel
from esper_tui.widgets.env_table import EnvTable
from esper_tui.widgets.fleet_panel import FleetPanel
from esper_tui.widgets.header import HeaderPanel
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.log_panel import LogPanel
from esper_tui.widgets.policy_panel import PolicyPanel
from esper_tui.widgets.status_line import StatusPanel
from esper_tui.widgets.text import plain

EVENTS = ScriptedRun(envs=6, epochs=8, nan_env=4).events()
FULL_SIZE = (120, 36)


class ScriptedTrainer:
    """A job that hands out events up to a position that the test moves, and then waits as a trainer would."""

    def __init__(self, *, fails: bool = False) -> None:
        self.allowed = threading.Semaphore(0)
        self.fails = fails

    def allow(self, events: int = 1) -> None:
        self.allowed.release(events)

    def __call__(self, source: LiveSource) -> None:
        for event in EVENTS:
            while not self.allowed.acquire(timeout=0.02):
                if source.control.stop_requested:
                    return
            source.accept(event)
            if isinstance(event.payload, BatchEpochCompleted) and source.control.stop_after_round_requested:
                return
        if self.fails:
            raise RuntimeError("boom in [r0c0] and [/b]")


def live_app(trainer: ScriptedTrainer) -> CockpitApp:
    source = LiveSource(control=RunControl(), origin="runs/x", clock=time.monotonic)
    return CockpitApp(source, job=trainer, failure_log="runs/x/failure.txt", frame_seconds=0.02)


def replay_app(position: int | None = None) -> CockpitApp:
    source = ReplaySource(EVENTS, origin="runs/x", clock=lambda: 0.0)
    if position is not None:
        source.seek(position)
    return CockpitApp(source, frame_seconds=0.02)


@asynccontextmanager
async def running(app: CockpitApp, size: tuple[int, int] = FULL_SIZE) -> AsyncIterator[Pilot[Leaving]]:
    async with app.run_test(size=size) as pilot:
        try:
            await until(pilot, lambda: bool(app.query_one(HeaderPanel).lines))
            yield pilot
        finally:
            if isinstance(app.source, LiveSource):
                app.source.control.request_stop()


async def until(pilot: Pilot[Leaving], condition: Callable[[], bool]) -> None:
    """Wait for a condition, ten seconds at most."""
    deadline = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await pilot.pause(0.02)


def live(app: CockpitApp) -> LiveSource:
    assert isinstance(app.source, LiveSource)
    return app.source


def text(app: CockpitApp, panel: type[LinePanel]) -> str:
    return "\n".join(plain(line) for line in app.query_one(panel).lines)


async def test_a_live_run_is_shown_to_its_end_and_q_then_leaves_at_once() -> None:
    trainer = ScriptedTrainer()
    app = live_app(trainer)
    async with running(app) as pilot:
        await until(pilot, lambda: "STARTING" in text(app, HeaderPanel))
        trainer.allow(len(EVENTS))
        await until(pilot, lambda: "ENDED ok" in text(app, HeaderPanel))
        assert "round 2/2" in text(app, HeaderPanel)
        assert "r2" in text(app, PolicyPanel)
        assert "finished" in text(app, LogPanel)
        assert app.query_one(EnvTable).lines[1:7]
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is Leaving.OVER)


async def test_space_holds_the_view_while_events_are_counted() -> None:
    trainer = ScriptedTrainer()
    app = live_app(trainer)
    async with running(app) as pilot:
        trainer.allow(20)
        await until(pilot, lambda: "● LIVE" in text(app, HeaderPanel))
        await until(pilot, lambda: live(app).latest().events == 20)
        await pilot.press("space")
        held = text(app, EnvTable)
        trainer.allow(30)
        await until(pilot, lambda: "30 newer events" in text(app, StatusPanel))
        assert text(app, EnvTable) == held
        await pilot.press("space")
        await until(pilot, lambda: text(app, EnvTable) != held)
        trainer.allow(len(EVENTS))


async def test_p_pauses_and_resumes_training() -> None:
    trainer = ScriptedTrainer()
    app = live_app(trainer)
    control = live(app).control
    async with running(app) as pilot:
        trainer.allow(20)
        await pilot.press("p", "y")
        await until(pilot, lambda: control.is_paused)
        await until(pilot, lambda: "TRAINING PAUSED" in text(app, HeaderPanel))
        await pilot.press("p", "n")
        assert control.is_paused
        await pilot.press("p", "y")
        await until(pilot, lambda: not control.is_paused)
        trainer.allow(len(EVENTS))


async def test_leaving_a_live_run_asks_and_cancel_is_the_default() -> None:
    trainer = ScriptedTrainer()
    app = live_app(trainer)
    assert isinstance(app.source, LiveSource)
    async with running(app) as pilot:
        trainer.allow(20)
        for keys in (("q", "enter"), ("ctrl+q", "escape"), ("ctrl+c", "q")):
            await pilot.press(keys[0])
            await until(pilot, lambda: isinstance(app.screen, LeaveScreen))
            await pilot.press(keys[1])
            await until(pilot, lambda: not isinstance(app.screen, LeaveScreen))
        assert app.is_running
        assert not app.source.control.stop_requested
        trainer.allow(len(EVENTS))


@pytest.mark.parametrize("key", ["s", "n"])
async def test_stopping_ends_the_run_and_then_the_app(key: str) -> None:
    trainer = ScriptedTrainer()
    app = live_app(trainer)
    assert isinstance(app.source, LiveSource)
    async with running(app) as pilot:
        trainer.allow(20)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LeaveScreen))
        await pilot.press(key)
        await pilot.pause(0.1)
        if key == "s":
            assert app.is_running, "the round is not over"
            await until(pilot, lambda: "STOPPING" in text(app, HeaderPanel))
            trainer.allow(len(EVENTS) // 2)
        await until(pilot, lambda: app.return_value is Leaving.OVER)
        assert app.source.is_over
        rounds = len(app.source.latest().groups[0].rounds)
        assert rounds == (1 if key == "s" else 0)


async def test_a_failure_shows_its_traceback_as_plain_text() -> None:
    trainer = ScriptedTrainer(fails=True)
    app = live_app(trainer)
    async with running(app) as pilot:
        trainer.allow(len(EVENTS))
        await until(pilot, lambda: isinstance(app.screen, FailureScreen))
        await until(pilot, lambda: bool(app.screen.query("#traceback")))
        shown = str(app.screen.query_one("#traceback", Static).content)
        assert "RuntimeError: boom in [r0c0] and [/b]" in shown
        assert "runs/x/failure.txt" in shown
        header = app.screen_stack[0].query_one(HeaderPanel)
        assert "ENDED failed" in plain(header.lines[0])
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, FailureScreen))
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is Leaving.OVER)


async def test_replay_steps_and_plays_by_keys() -> None:
    app = replay_app(position=1)
    assert isinstance(app.source, ReplaySource)
    async with running(app) as pilot:
        await pilot.press("right")
        await until(pilot, lambda: "epoch 1/8" in text(app, HeaderPanel))
        await pilot.press("right_curly_bracket")
        await until(pilot, lambda: "epoch 8/8" in text(app, HeaderPanel))
        await pilot.press("left")
        await until(pilot, lambda: "epoch 7/8" in text(app, HeaderPanel))
        await pilot.press("plus", "plus")
        await until(pilot, lambda: "×4" in text(app, StatusPanel))
        await pilot.press("space")
        await until(pilot, lambda: "PLAYING" in text(app, StatusPanel))
        await pilot.press("space")
        assert not app.source.playing
        await pilot.press("p")
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is Leaving.OVER)


async def test_the_cursor_follows_its_env_and_the_decision_follows_the_cursor() -> None:
    app = replay_app(position=60)
    assert isinstance(app.source, ReplaySource)
    async with running(app) as pilot:
        table = app.query_one(EnvTable)
        assert table.cursor_key == 0
        await pilot.press("G")
        assert table.cursor_key == 5
        await until(pilot, lambda: "env 05" in str(app.query_one(DecisionPanel).border_title))
        await pilot.press("k", "up")
        assert table.cursor_key == 3
        app.source.seek(len(EVENTS) - 20)
        await until(pilot, lambda: "NaN" in text(app, EnvTable))
        assert table.cursor_key == 3
        assert "env 03" in str(app.query_one(DecisionPanel).border_title)
        marked = [line for line in text(app, EnvTable).splitlines() if line.startswith("▸")]
        assert len(marked) == 1
        assert " 03 " in marked[0]


async def test_only_changed_rows_are_drawn_and_charts_only_when_they_grew() -> None:
    trainer = ScriptedTrainer()
    app = live_app(trainer)
    first_epoch = 1 + 6
    async with running(app) as pilot:
        trainer.allow(first_epoch + 40)
        await until(pilot, lambda: live(app).latest().events == first_epoch + 40)
        await pilot.pause(0.2)
        table = app.query_one(EnvTable)
        fleet = app.query_one(FleetPanel)
        drawn, drawn_of_fleet = table.rows_drawn, fleet.rows_drawn
        shown = text(app, EnvTable).splitlines()
        trainer.allow(1)
        await until(pilot, lambda: live(app).latest().events == first_epoch + 41)
        await pilot.pause(0.2)
        changed = sum(old != new for old, new in zip(shown, text(app, EnvTable).splitlines(), strict=True))
        assert changed <= 1
        assert table.rows_drawn - drawn == changed
        assert fleet.rows_drawn - drawn_of_fleet <= 2, "the chart stays; the mix of ops may change"
        trainer.allow(len(EVENTS))


@pytest.mark.parametrize(
    ("size", "shown", "hidden"),
    [
        ((120, 36), {"envs", "policy", "timeline", "fleet", "decision", "log"}, {"too-small"}),
        ((100, 30), {"envs", "log"}, {"policy", "fleet", "too-small"}),
        ((80, 24), {"envs", "log"}, {"policy", "timeline", "decision", "fleet", "too-small"}),
        ((72, 20), {"envs", "log"}, {"too-small"}),
        ((71, 24), {"too-small", "header"}, set()),
        ((80, 19), {"too-small", "header"}, set()),
        ((20, 5), {"too-small"}, set()),
    ],
)
async def test_panels_by_size(size: tuple[int, int], shown: set[str], hidden: set[str]) -> None:
    app = replay_app()
    async with running(app, size) as pilot:
        await pilot.pause(0.1)
        displayed = {widget.id for widget in app.screen.walk_children() if widget.display and widget.size.height}
        assert shown <= displayed
        assert not hidden & displayed
        if "too-small" in shown:
            body = app.screen.query_one("#body")
            assert not body.display


async def test_tab_brings_folded_panels_to_the_front() -> None:
    app = replay_app()
    async with running(app, (80, 24)) as pilot:
        seen: list[str] = []
        for _ in FOLDED:
            await pilot.press("tab")
            await pilot.pause(0.1)
            seen += [name for name in FOLDED if app.screen.query_one(f"#{name}").display]
        assert seen == [*FOLDED[1:], FOLDED[0]]
        assert text(app, DecisionPanel)
        assert text(app, PolicyPanel)


async def test_growing_the_terminal_fills_the_panels_that_appear() -> None:
    app = replay_app()
    async with running(app, (80, 24)) as pilot:
        await pilot.resize_terminal(140, 50)
        await until(pilot, lambda: "r2" in text(app, PolicyPanel))
        assert "V(s)" in text(app, DecisionPanel)


async def test_scrolling_the_log_stops_following_and_end_follows_again() -> None:
    app = replay_app()
    async with running(app) as pilot:
        log = app.query_one(LogPanel)
        await pilot.press("tab", "tab")
        await until(pilot, lambda: log.has_focus)
        await pilot.press("up", "up")
        assert not log.following
        assert "+2 newer" in text(app, LogPanel)
        await pilot.press("end")
        assert log.following


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 12)])
async def test_the_question_fits_every_screen(size: tuple[int, int]) -> None:
    app = live_app(ScriptedTrainer())
    async with running(app, size) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LeaveScreen))
        await pilot.pause(0.1)
        for button in app.screen.query(Button):
            assert button.region in app.screen.region
        await pilot.press("escape")


async def test_help_opens_and_closes_and_keys_do_nothing_underneath() -> None:
    app = replay_app()
    assert isinstance(app.source, ReplaySource)
    async with running(app) as pilot:
        position = app.source.position
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("left", "space")
        assert app.source.position == position
        assert not app.source.playing
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


def test_the_exit_code_and_the_console_tell_of_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "failure.txt"
    source = LiveSource(control=RunControl(), origin=str(tmp_path), clock=time.monotonic)
    trainer = ScriptedTrainer(fails=True)
    trainer.allow(len(EVENTS))
    with pytest.raises(RuntimeError):
        source.run(saving_failure(trainer, log))
    assert report_end(source, log, out=sys.stdout, errors=sys.stderr) == 1
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == str(tmp_path)
    assert "RuntimeError: boom" in output.err
    assert str(log) in output.err
    assert "RuntimeError: boom" in log.read_text()


def test_a_detached_run_trains_on_and_reports_on_the_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = ScriptedTrainer()
    app = live_app(trainer)
    assert isinstance(app.source, LiveSource)

    async def leave(pilot: Pilot[Leaving]) -> None:
        await until(pilot, lambda: bool(app.query_one(HeaderPanel).lines))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LeaveScreen))
        threading.Timer(0.5, trainer.allow, (len(EVENTS),)).start()  # once the screen is gone
        await pilot.press("k")

    with stop_on_signals(app.source.control) as signals:
        run_live(app, app.source, signals, ConsoleLog(tmp_path), out=sys.stdout, pilot=leave)
    lines = capsys.readouterr().out.splitlines()
    assert app.source.is_over
    assert "training goes on" in lines[0]
    assert [line.split()[1] for line in lines if line.startswith("round")] == ["1/2", "2/2"]
    assert report_end(app.source, Path("x"), out=sys.stdout, errors=sys.stderr) == 0


def test_each_round_is_one_line() -> None:
    source = LiveSource(control=RunControl(), origin="runs/x", clock=time.monotonic)
    for event in ScriptedRun(rounds=2, end=RunEnd.STOPPED).events():
        source.accept(event)
    assert [line.split()[1] for line in round_lines(source.latest())] == ["1/2", "2/2"]


def test_a_failure_that_cannot_be_saved_is_still_the_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "gone" / "failure.txt"
    source = LiveSource(control=RunControl(), origin=str(tmp_path), clock=time.monotonic)
    trainer = ScriptedTrainer(fails=True)
    trainer.allow(len(EVENTS))
    with pytest.raises(RuntimeError, match="boom"):
        source.run(saving_failure(trainer, log))
    assert report_end(source, log, out=sys.stdout, errors=sys.stderr) == 1
    errors = capsys.readouterr().err
    assert "RuntimeError: boom" in errors
    assert str(log) not in errors


async def test_an_ascii_terminal_is_shown_nothing_else() -> None:
    source = ReplaySource(EVENTS, origin="runs/x", clock=lambda: 0.0)
    source.seek(len(EVENTS) - 20)
    app = CockpitApp(source, frame_seconds=0.02, ascii=True)
    async with running(app) as pilot:
        await pilot.pause(0.3)
        for panel in app.screen.query(LinePanel):
            shown = "".join(panel.render_line(row).text for row in range(panel.size.height))
            assert shown.isascii(), panel.id
            assert panel.size.width == 0 or len(shown) == panel.size.width * panel.size.height
        assert app.screen.query_one("#envs").styles.border_top[0] == "ascii"


def test_the_encoding_decides_about_ascii() -> None:
    assert can_write("utf-8")
    assert can_write(None)
    assert not can_write("ascii")
    assert not can_write("latin-1")


async def test_what_the_user_should_know_at_once_is_shown() -> None:
    app = CockpitApp(ReplaySource(EVENTS, origin="runs/x", clock=lambda: 0.0), notice="this machine is [busy]")
    async with app.run_test(size=FULL_SIZE):
        assert [note.message for note in app._notifications] == ["this machine is [busy]"]
