"""Pictures of every screen at the four sizes, and of the main screen in every state of a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted_run import ScriptedRun
from states import STATES, replay
from textual.pilot import Pilot

from esper_tui.leaving import Leaving
from esper_tui.screens.registry import SCREENS

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36), (160, 45), (200, 60)]
IN_THE_MATRIX = {"healthy", "paused", "64-envs-8-slots"}
"""States that other tests here, or those of the renditions, show."""


async def settle(pilot: Pilot[Leaving]) -> None:
    await pilot.pause(0.3)


@pytest.mark.parametrize("screen", [kind.NAME for kind in SCREENS])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_at_every_size(snap_compare: Compare, screen: str, size: tuple[int, int]) -> None:
    app = STATES["healthy"]()

    async def open_screen(pilot: Pilot[Leaving]) -> None:
        app.bring_up(screen)
        await pilot.pause(0.4)

    assert snap_compare(app, terminal_size=size, run_before=open_screen)


@pytest.mark.parametrize("state", [name for name in STATES if name not in IN_THE_MATRIX])
def test_the_main_screen_in_every_state(snap_compare: Compare, state: str) -> None:
    assert snap_compare(STATES[state](), terminal_size=(120, 36), run_before=settle)


def test_a_paused_run(snap_compare: Compare) -> None:
    assert snap_compare(STATES["paused"](), terminal_size=(120, 36), run_before=settle)


@pytest.mark.parametrize("theme", ["esper-light", "esper-colour-blind", "esper-high-contrast"])
def test_themes(snap_compare: Compare, theme: str) -> None:
    app = replay(ScriptedRun(envs=8, epochs=25, rounds=2, nan_env=3).events(), 0.97)
    app.theme = theme
    assert snap_compare(app, terminal_size=(120, 36), run_before=settle)


def test_the_alert_list(snap_compare: Compare) -> None:
    app = replay(ScriptedRun(envs=8, epochs=25, rounds=3, nan_env=3).events(), 0.6)
    assert snap_compare(app, terminal_size=(120, 36), press=["A"], run_before=settle)
