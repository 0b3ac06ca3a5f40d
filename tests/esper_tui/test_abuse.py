"""What no run should send, and no reader should do: the cockpit shows it as data, and goes on."""

from __future__ import annotations

import dataclasses
import random
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any

import pytest
from scripted_run import ScriptedRun
from states import recorded
from test_renditions import rendition
from textual.pilot import Pilot

from esper.errors import EsperError
from esper.history.codec import record_from_json, record_to_json
from esper.telemetry.events import Event, TrainingStarted
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.screens.base import CockpitScreen
from esper_tui.screens.registry import SCREENS
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.alerts import HISTORY_LENGTH
from esper_tui.state.event_log import LOG_LENGTH
from esper_tui.state.group_state import UPDATES_KEPT

HOSTILE = "[red]x[/] [/b] \x1b[31m\x07\x9b2J {0} %s \n\t‮ 漢字 ①"
KEPT = ("slot_id", "slot_ids", "group_id", "seed_id", "groups", "env_id", "batch", "epoch")
EVENTS = ScriptedRun(envs=5, epochs=6, rounds=2).events()


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """A record with every text and number in it changed; slots and groups keep their names, which others refer to."""
    if isinstance(value, Enum | bool):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.name not in KEPT]
        return replace(value, **{name: changed(getattr(value, name), change) for name in fields})
    if isinstance(value, tuple):
        return tuple(changed(item, change) for item in value)
    return change(value)


def with_hostile_text(value: Any) -> Any:
    return HOSTILE if isinstance(value, str) else value


def with_odd_numbers(value: Any) -> Any:
    """Of every float one that a broken run may have."""
    return random.choice([float("nan"), float("inf"), -1e300, 1e-300, 0.0]) if isinstance(value, float) else value


def as_recorded(payload: Any, change: Callable[[Any], Any]) -> Any:
    """A payload changed field by field, as far as a recording may hold the result."""
    for field in dataclasses.fields(payload):
        if field.name in KEPT:
            continue
        new = replace(payload, **{field.name: changed(getattr(payload, field.name), change)})
        with suppress(EsperError):
            record_from_json(record_to_json(new).encode(), type(payload))
            payload = new
    return payload


async def drawn(app: CockpitApp, pilot: Pilot[Leaving]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind in SCREENS:
        app.bring_up(kind.NAME)
        await pilot.pause()
        app.draw_frame()
        app.redraw()
        await pilot.pause()
        svg = app.export_screenshot(simplify=True)
        found[kind.NAME] = rendition(svg[svg.index('clip-path="url(#') :], 120)
    return found


@pytest.mark.parametrize("change", [with_hostile_text, with_odd_numbers], ids=["texts", "numbers"])
async def test_markup_escape_sequences_unknown_names_and_odd_numbers_are_shown_as_data(
    change: Callable[[Any], Any],
) -> None:
    random.seed(3)
    events = [replace(event, payload=as_recorded(event.payload, change)) for event in recorded()[:400]]
    app = CockpitApp(ReplaySource(events, origin=HOSTILE, clock=lambda: 0.0))
    async with app.run_test(size=(120, 36)) as pilot:
        found = await drawn(app, pilot)
        await pilot.press("A", "escape", "w", "e", "escape", "slash", "escape", "question_mark", "escape")
    for name, rows in found.items():
        text = "".join(rows)
        controls = [character for character in text if unicodedata.category(character) in ("Cc", "Cf")]
        assert not controls, (name, controls)
    if change is with_hostile_text:
        assert "[red]x[/]" in "".join(found["envs"])


async def test_a_run_without_its_start_is_still_shown() -> None:
    events = [event for event in recorded()[:400] if not isinstance(event.payload, TrainingStarted)]
    app = CockpitApp(ReplaySource(events, origin="x", clock=lambda: 0.0))
    async with app.run_test(size=(120, 36)) as pilot:
        assert "ENVS" in "".join((await drawn(app, pilot))["envs"])


def out_of_order(count: int) -> list[Event]:
    """So many events of a run: some missing, some twice, some late, some of another round."""
    rng = random.Random(5)
    source = ScriptedRun(envs=16, epochs=25, rounds=count // 900 + 1).events()
    events: list[Event] = []
    while len(events) < count:
        event = source[len(events) % len(source)]
        match rng.randrange(20):
            case 0:
                events += [event, event]
            case 1:
                events.append(source[rng.randrange(len(source))])
            case _:
                events.append(event)
    for start in range(0, count - 8, 64):
        late = events[start : start + 8]
        rng.shuffle(late)
        events[start : start + 8] = late
    return events[:count]


async def test_twenty_thousand_events_out_of_order_resizes_and_layers_change_nothing_but_the_figures() -> None:
    rng = random.Random(1)
    source = LiveSource(control=RunControl(), origin="runs/x", clock=lambda: 0.0)
    app = CockpitApp(source, frame_seconds=3600)
    events = out_of_order(20_000)
    acts: list[Callable[[Pilot[Leaving]], Any]] = [
        lambda pilot: pilot.press("question_mark"),
        lambda pilot: pilot.press("A"),
        lambda pilot: pilot.press("q"),
        lambda pilot: pilot.press("escape", "escape"),
        lambda pilot: pilot.press(rng.choice("123456")),
        lambda pilot: pilot.press("tab", "m", "j", "w"),
        lambda pilot: pilot.press("colon", "escape"),
        lambda pilot: pilot.resize_terminal(rng.randrange(1, 240), rng.randrange(1, 70)),
    ]
    async with app.run_test(size=(120, 36)) as pilot:
        for start in range(0, len(events), 400):
            for event in events[start : start + 400]:
                source.accept(event)
            await rng.choice(acts)(pilot)
            app.draw_frame()
        await pilot.resize_terminal(120, 36)
        await pilot.press("escape", "escape", "escape")
        await pilot.pause()
        assert isinstance(app.screen, CockpitScreen)
    assert source.screen_failure is None
    snapshot = source.latest()
    assert snapshot.events == 20_000
    assert len(snapshot.log) == LOG_LENGTH
    assert len(snapshot.resolved) <= HISTORY_LENGTH
    assert all(len(group.updates) <= UPDATES_KEPT for group in snapshot.groups)


def test_what_is_kept_does_not_grow_with_the_run() -> None:
    """Per env, that is one episode, and not one for each round."""
    sizes: list[int] = []
    aggregator = Aggregator()
    for event in ScriptedRun(envs=4, epochs=6, rounds=12).events():
        aggregator.apply(event)
        if event.kind.value == "BATCH_EPOCH_COMPLETED":
            sizes.append(sum(len(row.episode.decisions) + len(row.episode.seeds) for row in aggregator.snapshot().envs))
    assert max(sizes[2:]) < 2 * max(sizes[:2])


async def test_events_from_another_thread_meet_a_screen_that_is_drawn() -> None:
    source = LiveSource(control=RunControl(), origin="runs/x", clock=lambda: 0.0)
    app = CockpitApp(source, job=partial(_send, EVENTS), frame_seconds=0.01)
    async with app.run_test(size=(120, 36)) as pilot:
        while not source.is_over:
            await pilot.pause(0.01)
        app.draw_frame()
    assert source.failure is None
    assert source.latest().events == len(EVENTS)


def _send(events: list[Event], source: LiveSource) -> None:
    for event in events:
        source.accept(event)
