from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from esper.cli.console.progress import ConsoleProgress
from esper.history import RunDirectory, read_events
from esper.history.presets import with_values
from esper.telemetry.events import AnomalyDetected, AnomalyType, EpochCompleted, Event, Severity
from esper.training.config import TrainingConfig

CONFIG = with_values(TrainingConfig(), {"run.rounds": 2, "fleet.envs": 2, "fleet.episode_length": 3})
ROUND = "round 1/2  accuracy  45.5 %  test  47.2 %  reward   -1.50  entropy 1.23  312.0 env-epochs/s"


def shown(events: list[Event], *, terminal: bool, width: int = 120) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=width, color_system=None)
    progress = ConsoleProgress(CONFIG, console)
    for event in events:
        progress.accept(event)
    progress.close()
    return out.getvalue()


def test_in_a_pipe_there_are_whole_lines_and_nothing_else(finished_run: RunDirectory) -> None:
    text = shown(read_events(finished_run.path), terminal=False, width=20)
    assert text.splitlines() == [
        "digits: 2 hosts of 1,442 parameters, 2 rounds of 3 epochs, seed 42, cpu",
        ROUND,
    ]


def test_on_a_terminal_there_is_a_bar_too(finished_run: RunDirectory) -> None:
    text = shown(read_events(finished_run.path), terminal=True)
    assert ROUND in text
    assert "left" in text.replace(ROUND, "")


def test_the_bar_counts_epochs_of_every_env(finished_run: RunDirectory) -> None:
    epochs = [
        Event(
            seq=10 + env_id,
            time=0.0,
            payload=EpochCompleted(
                env_id=env_id,
                batch=1,
                epoch=3,
                train_loss=1.0,
                train_accuracy=50.0,
                val_loss=1.0,
                val_accuracy=50.0,
                host_grad_norm=1.0,
                total_params=10,
                host_params=10,
                slots=(),
            ),
        )
        for env_id in range(3)
    ]
    text = shown([*read_events(finished_run.path)[:1], *epochs], terminal=True)
    assert "round 1/2 epoch 3/3" in text
    assert "25%" in text  # 3 of 2 rounds x 2 envs x 3 epochs


def test_anomalies_are_printed_as_they_are(finished_run: RunDirectory) -> None:
    anomaly = AnomalyDetected(
        anomaly=AnomalyType.REWARD_HACKING,
        rule="ransomware",
        severity=Severity.CRITICAL,
        batch=1,
        value=1.5,
        limit=1.0,
        detail="the [host] is worse off",
        epoch=7,
        env_id=0,
        slot_id="r0c1",
        head=None,
    )
    events = [*read_events(finished_run.path)[:1], Event(seq=9, time=0.0, payload=anomaly)]
    expected = "critical (round 1, epoch 7, env 0, r0c1): ransomware 1.5, limit 1: the [host] is worse off"
    assert expected in shown(events, terminal=False)


def test_every_group_has_its_line(finished_run: RunDirectory) -> None:
    events = read_events(finished_run.path)
    stats, speed = events[1], events[2]
    lines = shown([replace(stats, group_id="a"), replace(stats, group_id="long"), speed], terminal=False).splitlines()
    assert lines == [f"a     {ROUND}", f"long  {ROUND}"]
