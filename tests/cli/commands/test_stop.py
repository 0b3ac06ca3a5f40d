from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from esper.history import RunDirectory, read_events
from esper.history.tail import round_accuracies
from esper.telemetry.events import RunEnd, TrainingEnded

Esper = Callable[..., subprocess.CompletedProcess[str]]


def test_stop_ends_a_run_in_an_orderly_way(esper: Esper, running: tuple[subprocess.Popen[str], Path]) -> None:
    process, run = running
    assert "live" in esper("runs", run).stdout
    done = esper("stop", run)
    assert done.returncode == 0
    first, ending, way_on = done.stdout.splitlines()
    assert first == f"Asked process {process.pid} to stop after its epoch."
    assert ending.startswith("The run stopped after ")
    rounds = max(round_accuracies(run))
    assert way_on == f"It is saved up to round {rounds}. Go on with it: esper train --resume {run}"
    process.communicate(timeout=60)
    assert process.returncode == 130
    last = read_events(run)[-1].payload
    assert isinstance(last, TrainingEnded)
    assert (last.end, last.signal) == (RunEnd.STOPPED, None)


def test_a_run_that_does_not_answer_gets_a_signal(esper: Esper, running: tuple[subprocess.Popen[str], Path]) -> None:
    process, run = running
    process.send_signal(signal.SIGSTOP)
    try:
        done = esper("stop", run, "--wait", "0.5")
    finally:
        process.send_signal(signal.SIGCONT)
    assert done.returncode == 1
    assert f"It has not ended after 0.5 s. `kill -9 {process.pid}` breaks it off" in done.stdout
    process.communicate(timeout=60)
    # The request waits in the socket, too. Whichever the run comes to first, the signal names its end.
    assert process.returncode == 143
    last = read_events(run)[-1].payload
    assert isinstance(last, TrainingEnded)
    assert last.signal == "SIGTERM"


def test_there_is_nothing_to_stop(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("stop", finished_run.path)
    assert done.returncode == 2
    assert done.stderr == (
        f"esper: error: {finished_run.path} is not being written: it is ended, so there is nothing to stop\n"
    )
