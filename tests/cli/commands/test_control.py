from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from esper.history import RunDirectory, read_events
from esper.history.tail import round_accuracies
from esper.telemetry.events import BatchEpochCompleted, EpochCompleted, RunEnd, TrainingEnded

Esper = Callable[..., subprocess.CompletedProcess[str]]
Running = tuple[subprocess.Popen[str], Path]


def test_a_run_is_paused_saved_and_stopped_after_its_round(esper: Esper, running: Running) -> None:
    process, run = running

    def said(*words: str) -> list[str]:
        done = esper("control", run, *words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    assert said() == [f"Process {process.pid} is training."]
    assert said("pause") == [f"Process {process.pid} is paused."]
    first, saved = said("checkpoint")
    assert first == f"Asked process {process.pid} to save its last complete round."
    rounds = max(round_accuracies(run))
    assert saved == f"It is saved up to round {rounds}: {run}/checkpoints/round-{rounds:06d}"
    assert said("status") == [f"Process {process.pid} is paused."]
    assert max(round_accuracies(run)) == rounds, "a paused run goes on"
    assert said("resume") == [f"Process {process.pid} is training."]
    done = esper("stop", run, "--after-round")
    assert done.stdout.startswith(f"Asked process {process.pid} to stop after its round.\n")
    process.communicate(timeout=60)
    assert process.returncode == 130
    payloads = [event.payload for event in read_events(run)]
    last_round = max(place for place, payload in enumerate(payloads) if isinstance(payload, BatchEpochCompleted))
    assert not any(isinstance(payload, EpochCompleted) for payload in payloads[last_round:]), "a round was broken off"
    assert isinstance(payloads[-1], TrainingEnded)
    assert payloads[-1].end is RunEnd.STOPPED


def test_there_is_nobody_to_ask(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("control", finished_run.path, "pause")
    assert done.returncode == 2
    assert done.stderr == (
        f"esper: error: {finished_run.path} is not being written: it is ended, so there is nobody to ask\n"
    )


def test_a_mistyped_wish_is_answered_with_those_that_exist(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("control", finished_run.path, "puase")
    assert done.returncode == 2
    assert "status" in done.stderr
    assert "checkpoint" in done.stderr
