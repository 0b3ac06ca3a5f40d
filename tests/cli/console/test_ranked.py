"""Real processes that train together: one is killed, one is stopped, one checkpoint goes on alone.

They are started without torchrun, so that nobody but the ranks themselves notices that one is gone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from esper.cli.console.headless import train_headless
from esper.history import read_events
from esper.history.resuming import find_resume_point
from esper.telemetry.events import EpochCompleted, Event, RunEnd, TrainingEnded

SMALL = ("train", "--envs=2", "--episode-length=3", "--set=fleet.steps_per_epoch=2", "--checkpoint-every=1")

Rank = subprocess.Popen[str]


@contextmanager
def ranks(folder: Path, *arguments: str, size: int = 2) -> Generator[Sequence[Rank]]:
    """The processes of one run. They do not outlive the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "esper", *SMALL, *arguments, f"--runs-dir={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(size)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], bool], processes: Sequence[Rank]) -> None:
    deadline = time.monotonic() + 150.0
    while not condition():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/checkpoints/round-*"))


def last_payload(run: Path) -> TrainingEnded:
    last = read_events(run)[-1].payload
    assert isinstance(last, TrainingEnded)
    return last


def ranks_of_envs(events: Sequence[Event]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for event in events:
        if isinstance(event.payload, EpochCompleted):
            found.setdefault(event.payload.env_id, set()).add(event.rank)
    return found


def test_a_killed_rank_ends_the_run_and_one_process_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    with ranks(tmp_path, "--rounds=5000") as (first, second):
        wait_for(lambda: len(checkpoints(tmp_path)) > 1, (first, second))
        second.kill()
        _, errors = first.communicate(timeout=60)
    (run,) = tmp_path.iterdir()
    assert first.returncode == 1, errors
    (line,) = [line for line in errors.splitlines() if "error" in line]
    assert "the other ranks are lost, because one of them has ended or cannot be reached" in line
    assert "start the job again with --resume RUN" in line
    assert last_payload(run).end is RunEnd.FAILED
    assert ranks_of_envs(read_events(run)) == {0: {0}, 1: {1}}
    done = int(json.loads((checkpoints(tmp_path)[-1] / "manifest.json").read_text())["rounds_completed"])
    point = find_resume_point(run, {"run.rounds": done + 1})
    assert train_headless(point.config, tmp_path, resume=point, to_stderr=True) == 0
    assert last_payload(run).batches_completed == done + 1
    later = [event for event in read_events(run) if event.seq > point.checkpoint.manifest.last_seq]
    assert ranks_of_envs(later) == {0: {0}, 1: {0}}


def test_a_signal_to_any_rank_stops_all_in_order(tmp_path: Path) -> None:
    with ranks(tmp_path, "--rounds=5000") as (first, second):
        wait_for(lambda: len(checkpoints(tmp_path)) > 0, (first, second))
        second.send_signal(signal.SIGTERM)
        second.send_signal(signal.SIGTERM)
        outputs = [process.communicate(timeout=60) for process in (first, second)]
    (run,) = tmp_path.iterdir()
    assert [process.returncode for process in (first, second)] == [143, 143], outputs
    assert outputs[0][0].splitlines()[-1] == str(run)
    assert outputs[1] == ("", "")
    assert (last_payload(run).end, last_payload(run).signal) == (RunEnd.STOPPED, "SIGTERM")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--envs=3"], 2, "fleet.envs is 3: 2 processes cannot share that evenly; make it a multiple of 2"),
        (["--envs=many"], 2, "Invalid value for '--envs'"),
    ],
)
def test_a_mistake_is_told_once(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    with ranks(tmp_path, *arguments) as processes:
        outputs = [process.communicate(timeout=100) for process in processes]
    assert [out for out, _ in outputs] == ["", ""]
    assert message in outputs[0][1]
    assert outputs[0][1].count("\n") == 1
    assert outputs[1][1] == ""
    assert processes[0].returncode == code
    assert processes[1].returncode > 0
    assert not list(tmp_path.iterdir())
