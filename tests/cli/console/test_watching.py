from __future__ import annotations

import io

from rich.console import Console

from esper.cli.console.progress import ConsoleProgress
from esper.cli.console.watching import WatchedRun
from esper.history.follow import NewEvents
from esper.telemetry.events import BatchEpochCompleted, Event
from esper.training.config import TrainingConfig


def barrier(seq: int, batch: int) -> Event:
    payload = BatchEpochCompleted(
        batch=batch,
        max_batches=3,
        episodes_completed=1,
        n_envs=1,
        avg_accuracy=1.0,
        rolling_avg_accuracy=1.0,
        avg_reward=0.0,
        env_accuracies=(1.0,),
    )
    return Event(seq=seq, time=0.0, payload=payload)


def shown(*steps: tuple[NewEvents, float, bool]) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=200)
    watched = WatchedRun(console, ConsoleProgress(TrainingConfig(), console))
    for found, now, live in steps:
        watched.show(found, now, live=live)
    return out.getvalue().splitlines()[1:]


NOTHING = NewEvents(events=())


def test_silence_is_reported_once_each_time_it_doubles() -> None:
    first = (NewEvents(events=(barrier(1, 1),)), 100.0, True)
    lines = shown(first, *((NOTHING, 100.0 + second, True) for second in (44.0, 45.0, 60.0, 90.0, 179.0, 180.0)))
    assert [line.split(":")[0] for line in lines] == ["SILENT 45 s", "SILENT 90 s", "SILENT 180 s"]


def test_new_events_end_the_silence() -> None:
    steps = [(NOTHING, 0.0, True), (NewEvents(events=(barrier(1, 1),)), 44.0, True), (NOTHING, 80.0, True)]
    assert shown(*steps) == []


def test_a_resumed_run_names_the_round_to_which_it_went_back() -> None:
    events = (barrier(5, 1), barrier(9, 2))
    lines = shown((NewEvents(events=events), 0.0, True), (NewEvents(events=(), back_to=5), 1.0, True))
    assert lines == ["RESUMED: the run went back to the end of round 1"]
