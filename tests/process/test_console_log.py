"""What is printed behind the cockpit is kept and shown, and never spoils the screen."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from scripted_run import ScriptedRun

from esper.process.console_log import ConsoleLog, last_lines, let_handlers_follow
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.sources.live import LiveSource
from esper_tui.widgets.system_panels import PrintedPanel
from esper_tui.widgets.text import plain

NOISE = logging.getLogger("noisy_plugin")


@pytest.fixture
def early_handler(monkeypatch: pytest.MonkeyPatch) -> Generator[io.StringIO]:
    """A handler that a plug-in made while it was imported; what reaches the terminal itself is what is returned."""
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", terminal)
    handler = logging.StreamHandler(terminal)
    NOISE.addHandler(handler)
    yield terminal
    NOISE.removeHandler(handler)


@pytest.mark.usefixtures("early_handler")
async def test_prints_and_logs_of_plugins_are_kept_and_shown(tmp_path: Path) -> None:
    let_handlers_follow()

    def job(source: LiveSource) -> None:
        for event in ScriptedRun(envs=2, epochs=2).events():
            source.accept(event)
        print("PRINTED [red]text[/]\x1b[2J")
        print("to stderr", file=sys.stderr)
        NOISE.warning("LOGGED")
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()

    source = LiveSource(control=RunControl(), origin=str(tmp_path), clock=lambda: 0.0)
    app = CockpitApp(source, job=job, log=ConsoleLog(tmp_path), frame_seconds=0.02)
    async with app.run_test(size=(200, 60)) as pilot:
        while not source.is_over:
            await pilot.pause(0.05)
        app.bring_up("system")
        await pilot.pause(0.2)
        shown = "\n".join(plain(line) for line in app.screen.query_one(PrintedPanel).lines)
    for words in ("PRINTED [red]text[/]\\x1b[2J", "to stderr", "LOGGED", "from a thread"):
        assert words in shown
    assert "Logging error" not in shown
    assert "LOGGED\n" in (tmp_path / "console.log").read_text()


def test_a_handler_writes_to_the_terminal_again_after_the_cockpit(
    early_handler: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    let_handlers_follow()
    NOISE.warning("after")
    assert capsys.readouterr().err == "after\n"


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    assert last_lines(tmp_path) == []
    (tmp_path / "console.log").write_bytes(b"\xff line\n" * 10_000 + b"the last line\n")
    (tmp_path / "events.jsonl").touch()
    lines = last_lines(tmp_path / "events.jsonl")
    assert len(lines) < 10_000
    assert lines[-2:] == ["\ufffd line", "the last line"]
