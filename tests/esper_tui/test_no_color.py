"""Every screen and every dialog is drawn where colours are not wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot

from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.screens.failure import FailureScreen
from esper_tui.screens.registry import SCREENS
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource

EVENTS = ScriptedRun(envs=6, epochs=12, rounds=3, nan_env=4).events()


@pytest.fixture(autouse=True)
def _no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@asynccontextmanager
async def shown(app: CockpitApp, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Pilot[Leaving]]:
    assert app.no_color
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.1)
        yield pilot


def without_colours(app: CockpitApp) -> bool:
    """Whether what is drawn now has shades of grey alone."""
    styles = [piece.style for strip in app.screen._compositor.render_strips() for piece in strip if piece.style]
    colours = [colour for style in styles for colour in (style.color, style.bgcolor) if colour and colour.triplet]
    return bool(colours) and all(len(set(colour.triplet or ())) == 1 for colour in colours)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=str)
async def test_every_screen(size: tuple[int, int]) -> None:
    source = ReplaySource(EVENTS, origin="runs/x", clock=lambda: 0.0)
    source.seek(len(EVENTS))
    app = CockpitApp(source)
    async with shown(app, size) as pilot:
        for kind in SCREENS:
            app.bring_up(kind.NAME)
            await pilot.pause(0.1)
            assert without_colours(app), kind.NAME


@pytest.mark.parametrize("key", ["question_mark", "A", "slash", "q"])
async def test_every_dialog(key: str) -> None:
    source = LiveSource(control=RunControl(), origin="runs/x", clock=lambda: 0.0)
    for event in EVENTS[:-1]:
        source.accept(event)
    app = CockpitApp(source)
    async with shown(app) as pilot:
        await pilot.press(key)
        await pilot.pause(0.1)
        assert len(app.screen_stack) == 2
        assert without_colours(app)


async def test_the_failure() -> None:
    app = CockpitApp(ReplaySource(EVENTS, origin="runs/x", clock=lambda: 0.0))
    async with shown(app) as pilot:
        app.push_screen(FailureScreen("Traceback\nValueError: x", log="failure.txt"))
        await pilot.pause(0.1)
        assert without_colours(app)
