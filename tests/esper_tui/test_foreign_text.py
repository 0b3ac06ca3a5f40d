"""Text that a plug-in or a recording brings is drawn, and never reaches the terminal as control codes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from scripted_run import ScriptedRun
from textual.screen import Screen

from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.screens.failure import FailureScreen
from esper_tui.session import report_end, saving_failure
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource

HOSTILE = "done\x1b]0;title\x07 \x9b2J\r[red]x[/] \udc80"
FAILURE = f"Traceback (most recent call last):\nValueError: {HOSTILE}"


def drawn(screen: Screen[object]) -> str:
    return "\n".join("".join(piece.text for piece in strip) for strip in screen._compositor.render_strips())


async def test_a_failure_is_drawn_without_its_control_codes() -> None:
    app = CockpitApp(ReplaySource(ScriptedRun().events(), origin="runs/x", clock=lambda: 0.0), notice=HOSTILE)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.1)
        assert drawn(app.screen).replace("\n", "").isprintable()
        app.push_screen(FailureScreen(FAILURE, log="runs/\x1b[2J/failure.txt"))
        await pilot.pause(0.1)
        shown = drawn(app.screen)
    assert shown.replace("\n", "").isprintable()
    assert "ValueError: done\\x1b]0;title\\x07 \\x9b2J" in shown
    assert "It could not be saved in runs/\\x1b[2J/failure.txt" in shown


def test_a_failure_is_saved_and_printed_whatever_it_says(tmp_path: Path) -> None:
    def job(_: LiveSource) -> None:
        raise ValueError(HOSTILE)

    path, out, errors = tmp_path / "failure.txt", io.StringIO(), io.StringIO()
    source = LiveSource(control=RunControl(), origin="runs/x", clock=lambda: 0.0)
    with pytest.raises(ValueError, match="done"):
        source.run(saving_failure(job, path))
    assert "\\udc80" in path.read_text(encoding="utf-8")
    assert report_end(source, path, out=out, errors=errors) == 1
    assert errors.getvalue().replace("\n", "").isprintable()
    assert "ValueError: done\\x1b]0;title" in errors.getvalue()


def test_a_failure_that_cannot_be_saved_is_printed(tmp_path: Path) -> None:
    errors = io.StringIO()
    source = LiveSource(control=RunControl(), origin="runs/x", clock=lambda: 0.0)
    source.failure = FAILURE
    report_end(source, Path("\x00impossible"), out=io.StringIO(), errors=errors)
    assert "ValueError: done" in errors.getvalue()
    assert "it could not be saved" in errors.getvalue()
