"""Pictures of every screen at the four sizes, and of the main screen in every state of a run."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot

from esper.history import read_events
from esper.telemetry.events import EpochCompleted, Event, EventKind, GroupStarted, RunEnd, TrainingStarted
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.screens.registry import SCREENS
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 36), (160, 45), (200, 60)]
EVENTS = ScriptedRun(envs=8, epochs=25, rounds=6, rollback_env=None).events()
RECORDED = Path(__file__).parent / "recorded_run.jsonl.gz"
"""events.jsonl of: esper train --preset digits_impaired --rounds 4 --envs 6 --episode-length 15"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    path.write_bytes(gzip.decompress(RECORDED.read_bytes()))
    return list(read_events(path))


async def settle(pilot: Pilot[Leaving]) -> None:
    await pilot.pause(0.3)


def replay(events: list[Event], share: float) -> CockpitApp:
    source = ReplaySource(events, origin="runs/20260202-digits-a3f1", clock=lambda: 0.0)
    source.seek(int(len(events) * share))
    return CockpitApp(source)


def live(events: list[Event], control: RunControl) -> CockpitApp:
    source = LiveSource(control=control, origin="runs/20260202-digits-a3f1", clock=lambda: 0.0)
    for event in events:
        source.accept(event)
    return CockpitApp(source)


@pytest.mark.parametrize("screen", [kind.NAME for kind in SCREENS])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_at_every_size(
    snap_compare: Compare, recorded: list[Event], screen: str, size: tuple[int, int]
) -> None:
    app = replay(recorded, 0.93)

    async def open_screen(pilot: Pilot[Leaving]) -> None:
        app.bring_up(screen)
        await pilot.pause(0.4)

    assert snap_compare(app, terminal_size=size, run_before=open_screen)


def collapsed() -> list[Event]:
    """In the last round every second env loses what it had learned."""
    events: list[Event] = []
    for event in EVENTS:
        payload = event.payload
        if isinstance(payload, EpochCompleted) and payload.batch == 6 and payload.epoch > 15 and payload.env_id % 2:
            payload = replace(payload, val_accuracy=10.0 + payload.env_id, val_loss=4.0)
        events.append(replace(event, payload=payload))
    return events


def in_groups() -> list[Event]:
    groups = tuple(
        GroupStarted(
            group_id=name,
            controller="ppo",
            learns=True,
            reward_mode=mode,
            reward_family="contribution",
            env_ids=env_ids,
        )
        for name, mode, env_ids in (("A", "shaped", (0, 1, 2, 3)), ("B", "sparse", (4, 5, 6, 7)))
    )
    events: list[Event] = []
    for event in EVENTS:
        payload = event.payload
        env_id = getattr(payload, "env_id", None)
        if isinstance(payload, TrainingStarted):
            events.append(replace(event, payload=replace(payload, groups=groups)))
        elif isinstance(env_id, int):
            events.append(replace(event, group_id="A" if env_id < 4 else "B"))
        elif event.kind in (EventKind.PPO_UPDATE_COMPLETED, EventKind.BATCH_STATS):
            events += [replace(event, group_id="A"), replace(event, group_id="B")]
        else:
            events.append(event)
    return events


STATES: dict[str, Callable[[], CockpitApp]] = {
    "collapse": lambda: replay(collapsed(), 0.97),
    "rollback": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2).events(), 0.97),
    "nan": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2, nan_env=3, rollback_env=None).events(), 0.8),
    "empty": lambda: live([], RunControl()),
    "failed": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2, end=RunEnd.FAILED).events(), 1.0),
    "cut-off": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2, end=None).events(), 1.0),
    "groups": lambda: replay(in_groups(), 0.93),
    "64-envs": lambda: replay(ScriptedRun(envs=64, epochs=10, rounds=1).events(), 0.8),
}


@pytest.mark.parametrize("state", STATES)
def test_the_main_screen_in_every_state(snap_compare: Compare, state: str) -> None:
    assert snap_compare(STATES[state](), terminal_size=(120, 36), run_before=settle)


def test_a_paused_run(snap_compare: Compare) -> None:
    control = RunControl()
    control.pause()
    assert snap_compare(live(EVENTS[:600], control), terminal_size=(120, 36), run_before=settle)


@pytest.mark.parametrize("theme", ["esper-light", "esper-colour-blind", "esper-high-contrast"])
def test_themes(snap_compare: Compare, theme: str) -> None:
    app = replay(ScriptedRun(envs=8, epochs=25, rounds=2, nan_env=3).events(), 0.97)
    app.theme = theme
    assert snap_compare(app, terminal_size=(120, 36), run_before=settle)


def test_the_alert_list(snap_compare: Compare) -> None:
    app = replay(ScriptedRun(envs=8, epochs=25, rounds=3, nan_env=3).events(), 0.6)
    assert snap_compare(app, terminal_size=(120, 36), press=["A"], run_before=settle)
