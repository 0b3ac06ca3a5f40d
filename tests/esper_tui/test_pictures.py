"""Pictures of the screen at the sizes it is made for. Renew with pytest --snapshot-update after looking at them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot

from esper.telemetry.events import Event, EventKind
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource

EVENTS = ScriptedRun(envs=12, epochs=25, rounds=8, nan_env=3, rollback_env=5).events()
Compare = Callable[..., bool]


def middle_of_round(batch: int) -> int:
    """Position after the 23rd epoch of a round."""
    rounds_over = [i for i, event in enumerate(EVENTS) if event.kind is EventKind.BATCH_EPOCH_COMPLETED]
    epochs = [i for i, event in enumerate(EVENTS) if event.kind is EventKind.EPOCH_COMPLETED]
    start = rounds_over[batch - 2] if batch > 1 else 0
    return [i for i in epochs if i > start][12 * 23]


def replay_app(position: int) -> CockpitApp:
    source = ReplaySource(EVENTS, origin="runs/20260202-digits-a3f1", clock=lambda: 0.0)
    source.seek(position)
    return CockpitApp(source)


def live_app(events: list[Event]) -> CockpitApp:
    source = LiveSource(control=RunControl(), origin="runs/20260202-digits-a3f1", clock=lambda: 0.0)
    for event in events:
        source.accept(event)
    return CockpitApp(source)


async def settle(pilot: Pilot[Leaving]) -> None:
    """Let the panels that a size brings in be drawn."""
    await pilot.pause(0.3)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36), (140, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_replay_in_the_middle_of_a_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(replay_app(middle_of_round(2)), terminal_size=size, run_before=settle)


def test_a_live_run_in_its_first_round_says_what_it_waits_for(snap_compare: Compare) -> None:
    assert snap_compare(live_app(EVENTS[:60]), terminal_size=(120, 36), run_before=settle)


def test_before_the_first_event(snap_compare: Compare) -> None:
    assert snap_compare(live_app([]), terminal_size=(120, 36), run_before=settle)


def test_too_small_a_terminal(snap_compare: Compare) -> None:
    assert snap_compare(replay_app(middle_of_round(2)), terminal_size=(60, 15), run_before=settle)


def test_leaving_a_live_run(snap_compare: Compare) -> None:
    app = live_app(EVENTS[:60])
    assert snap_compare(app, terminal_size=(80, 24), press=["q"], run_before=settle)


def test_help(snap_compare: Compare) -> None:
    assert snap_compare(
        replay_app(middle_of_round(2)), terminal_size=(120, 36), press=["question_mark"], run_before=settle
    )
