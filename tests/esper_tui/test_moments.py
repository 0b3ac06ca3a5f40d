"""Readers go to a moment that they name, and keep bookmarks of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot
from textual.widgets import Input, Static

from esper.errors import ConfigError
from esper.history.event_index import EventIndex
from esper.history.notes import change_notes, read_notes
from esper.telemetry.events import EventKind
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.screens.base import CockpitScreen
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.places import (
    ToClock,
    ToEnv,
    ToEpoch,
    ToEvent,
    ToKind,
    ToOffset,
    ToRound,
    ToShare,
    parse_place,
    position_of,
)
from esper_tui.widgets.status_line import StatusPanel
from esper_tui.widgets.text import plain

EVENTS = ScriptedRun(envs=5, epochs=6, rounds=3).events()


@pytest.fixture
def index() -> EventIndex:
    return ReplaySource(EVENTS, origin="x", clock=lambda: 0.0).index


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("7", ToEnv(7)),
        ("env 07", ToEnv(7)),
        ("#4128", ToEvent(4128)),
        ("r12", ToRound(12)),
        ("E20", ToEpoch(20)),
        ("r12 e20", ToEpoch(20, 12)),
        ("13:04", ToClock(47040)),
        ("13:04:05", ToClock(47045)),
        ("-5m", ToOffset(-300)),
        ("t+2h", ToOffset(7200)),
        ("50%", ToShare(0.5)),
        ("end", ToShare(1.0)),
        ("rollback", ToKind((EventKind.GOVERNOR_ROLLBACK,), 1)),
        ("-seed pruned", ToKind((EventKind.SEED_PRUNED,), -1)),
    ],
)
def test_what_can_be_typed(text: str, place: object) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "-", "101%", "25:00", "12:61", "r", "[/b]", "nonsense", "e-1", "①", "1" * 70])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_place(text)


def test_places_are_found(index: EventIndex) -> None:
    end = len(EVENTS)
    after_round = position_of(ToRound(2), index, end)
    assert (index.batches[after_round - 1], index.batches[after_round]) == (2, 3)
    epoch = position_of(ToEpoch(3, 2), index, end)
    assert (index.batches[epoch - 1], index.epochs[epoch - 1], index.epochs[epoch]) == (2, 3, 4)
    assert position_of(ToEpoch(3), index, epoch) == epoch
    assert position_of(ToEvent(40), index, 0) == 40
    assert position_of(ToShare(0.5), index, 0) == round(end / 2)
    rollback = position_of(ToKind((EventKind.GOVERNOR_ROLLBACK,), 1), index, 0)
    assert EVENTS[rollback - 1].kind is EventKind.GOVERNOR_ROLLBACK
    assert position_of(ToOffset(10**6), index, 5) == end
    assert position_of(ToOffset(-(10**6)), index, end) == 0


def test_a_time_of_day_is_one_of_the_recording(index: EventIndex) -> None:
    position = position_of(ToClock(int(EVENTS[100].time) % 86400), index, 0)
    assert EVENTS[position - 1].time <= EVENTS[100].time < EVENTS[position].time + 1
    with pytest.raises(ConfigError, match="it goes from"):
        position_of(ToClock((int(EVENTS[0].time) - 3600) % 86400), index, 0)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (ToRound(9), "no round 9: it ends at r3 e6"),
        (ToEpoch(40, 2), "no epoch 40 in round 2"),
        (ToKind((EventKind.SINK_DETACHED,), 1), "no later SINK_DETACHED"),
    ],
)
def test_a_place_that_the_recording_does_not_have(index: EventIndex, place: ToRound, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        position_of(place, index, 10)


async def type_place(pilot: Pilot[Leaving], text: str) -> None:
    await pilot.press("colon")
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await pilot.pause()


async def test_a_replay_goes_to_what_is_typed_and_a_mistake_is_shown() -> None:
    source = ReplaySource(EVENTS, origin="x", clock=lambda: 0.0)
    app = CockpitApp(source)
    async with app.run_test(size=(120, 36)) as pilot:
        await type_place(pilot, "r1 e4")
        assert isinstance(app.screen, CockpitScreen)
        assert (source.snapshot().progress.batch, source.snapshot().progress.epoch) == (1, 4)
        await type_place(pilot, "3")
        assert app.view.focus.env_id == 3
        await type_place(pilot, "77")
        assert "there is no env 77" in str(app.screen.query_one("#hint", Static).render())
        await pilot.press("escape")
        assert isinstance(app.screen, CockpitScreen)


async def test_a_live_view_goes_to_epochs_of_its_episode_and_says_that_a_replay_does_more() -> None:
    source = LiveSource(control=RunControl(), origin="x", clock=lambda: 0.0)
    for event in EVENTS[:150]:
        source.accept(event)
    app = CockpitApp(source)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await type_place(pilot, "e2")
        assert app.view.focus.epoch == 2
        await type_place(pilot, "50%")
        assert "esper replay" in str(app.screen.query_one("#hint", Static).render())


async def test_a_moment_is_marked_listed_gone_to_and_forgotten(tmp_path: Path) -> None:
    change_notes(tmp_path, lambda notes: notes.with_bookmark(20, "[b]first"))
    source = ReplaySource(EVENTS, origin="x", clock=lambda: 0.0)
    app = CockpitApp(source, notes_in=tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await type_place(pilot, "#100")
        await pilot.press("b")
        await pilot.pause()
        await pilot.press("h", "i", "enter")
        await pilot.pause()
        assert [(one.seq, one.text) for one in read_notes(tmp_path).bookmarks] == [(20, "[b]first"), (100, "hi")]
        app.redraw()
        assert plain(app.screen.query_one(StatusPanel).lines[0]).count("★") == 1  # The other is under the ▼.
        await pilot.press("apostrophe")
        await pilot.pause(0.1)
        await pilot.press("enter")
        await pilot.pause()
        assert source.position == 20
        await pilot.press("apostrophe")
        await pilot.pause(0.1)
        await pilot.press("d", "d", "d", "escape")
        assert read_notes(tmp_path).bookmarks == ()


async def test_damaged_notes_are_reported_and_change_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{", encoding="utf-8")
    app = CockpitApp(ReplaySource(EVENTS, origin="x", clock=lambda: 0.0), notes_in=tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        for _ in range(200):  # Until there are figures.
            if app.view.focus.env_id is not None:
                break
            await pilot.pause(0.05)
        await pilot.press("apostrophe", "d", "escape", "b")
        await pilot.pause(0.1)
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert "notes.json" in str(app.screen.query_one("#hint", Static).render())
