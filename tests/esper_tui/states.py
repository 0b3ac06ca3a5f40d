"""The states of a run that pictures and renditions show, on made-up and on recorded runs."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from scripted_run import ScriptedRun

from esper.history import read_events
from esper.telemetry.events import EpochCompleted, Event, EventKind, GroupStarted, RunEnd, TrainingStarted
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource

ORIGIN = "runs/20260202-digits-a3f1"
EVENTS = ScriptedRun(envs=8, epochs=25, rounds=6, rollback_env=None).events()
RECORDED = Path(__file__).parent / "recorded_run.jsonl.gz"
"""events.jsonl of: esper train --preset digits_impaired --rounds 4 --envs 6 --episode-length 15"""


@cache
def recorded() -> list[Event]:
    """The events of a real run."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.jsonl")
        path.write_bytes(gzip.decompress(RECORDED.read_bytes()))
        return list(read_events(path))


def replay(events: list[Event], share: float) -> CockpitApp:
    source = ReplaySource(events, origin=ORIGIN, clock=lambda: 0.0)
    source.seek(int(len(events) * share))
    return CockpitApp(source)


def live(events: list[Event], control: RunControl) -> CockpitApp:
    source = LiveSource(control=control, origin=ORIGIN, clock=lambda: 0.0)
    for event in events:
        source.accept(event)
    return CockpitApp(source)


def paused() -> CockpitApp:
    control = RunControl()
    control.pause()
    return live(EVENTS[:600], control)


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
    """An A/B run."""
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


EIGHT_SLOTS = tuple(f"r{row}c{column}" for row in range(2) for column in range(4))

STATES: dict[str, Callable[[], CockpitApp]] = {
    "healthy": lambda: replay(recorded(), 0.93),
    "collapse": lambda: replay(collapsed(), 0.97),
    "rollback": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2).events(), 0.97),
    "nan": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2, nan_env=3, rollback_env=None).events(), 0.8),
    "empty": lambda: live([], RunControl()),
    "paused": paused,
    "failed": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2, end=RunEnd.FAILED).events(), 1.0),
    "cut-off": lambda: replay(ScriptedRun(envs=8, epochs=25, rounds=2, end=None).events(), 1.0),
    "groups": lambda: replay(in_groups(), 0.93),
    "64-envs": lambda: replay(ScriptedRun(envs=64, epochs=10, rounds=1).events(), 0.8),
    "64-envs-8-slots": lambda: replay(ScriptedRun(envs=64, epochs=8, rounds=1, slot_ids=EIGHT_SLOTS).events(), 0.8),
}
