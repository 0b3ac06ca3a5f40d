"""Runs that are killed at random moments, some of them again while they go on, end as if nothing had happened.

A study of minutes: `pytest -m slow tests/reliability/test_kill_study.py -s` runs it and prints its counts.
ESPER_KILLS=n divides the number of moments by n.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from esper.history import read_events, read_history
from esper.training.vectorized_types import BatchSummary

SMALL = [
    "--no-tui",
    "--threads=1",
    "--rounds=6",
    "--envs=2",
    "--episode-length=4",
    "--set=fleet.steps_per_epoch=3",
    "--set=policy.hidden_size=16",
    "--set=policy.feature_size=16",
    "--set=run.checkpoint_interval=1",
]
DIGITS = ["--preset=digits_impaired", *SMALL]
FAMILIES = {
    "ppo": (["train", *DIGITS], 50),
    "ab": (["ab", *DIGITS, "--a=reward.mode=shaped", "--b=reward.mode=simplified"], 10),
    "heuristic": (["train", *DIGITS, "--controller=heuristic"], 10),
    "text": (["train", "--preset=text", *SMALL, "--set=task.context=16", "--set=host.transformer.width=16"], 10),
}
FEWER = int(os.environ.get("ESPER_KILLS", "1"))

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["torch", "sklearn.datasets", "esper.cli.main", "esper.cli.console.headless", "esper.training.vectorized_trainer"]
)
"""Every run is a process of its own, forked from one that has loaded the libraries and done nothing else."""


def command_line(arguments: list[str], output: Path) -> None:
    """What `python -m esper ARGUMENTS` does, in a forked process."""
    from esper.cli.main import main

    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.argv = ["esper", *arguments]
    main()


def start(arguments: list[str], output: Path) -> ForkServerProcess:
    process = PROCESSES.Process(target=command_line, args=(arguments, output))
    process.start()
    return process


def finish(arguments: list[str], output: Path, *, code: int = 0) -> str:
    """Run a command to its end; returns what it printed."""
    process = start(arguments, output)
    process.join(timeout=150)
    assert process.exitcode == code, output.read_text()
    return output.read_text()


def kill_after(arguments: list[str], output: Path, seconds: float) -> bool:
    """Start a process and kill it after so long; returns whether it was still there."""
    process = start(arguments, output)
    process.join(timeout=seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode in (0, -signal.SIGKILL), output.read_text()
    return process.exitcode != 0


def summaries(run: Path) -> list[BatchSummary]:
    return [summary.without_timings() for summary in read_history(run)]


def rounds_saved(run: Path) -> int:
    return max((int(place.name[-6:]) for place in (run / "checkpoints").glob("round-*")), default=0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES)
def test_killed_at_any_moment_a_run_ends_as_if_nothing_had_happened(family: str, tmp_path: Path) -> None:
    command, moments = FAMILIES[family]
    finish(["--version"], tmp_path / "output")  # The first process loads the libraries for all.
    started = time.monotonic()
    finish([*command, "--runs-dir", str(tmp_path / "whole")], tmp_path / "output")
    length = time.monotonic() - started
    (whole,) = (tmp_path / "whole").iterdir()
    expected, stream, counts = summaries(whole), random.Random(f"kills of {family}"), Counter[str]()
    while counts["resumed"] < max(1, moments // FEWER):
        folder, moment = tmp_path / "killed", stream.uniform(0.1, 1.0) * length
        shutil.rmtree(folder, ignore_errors=True)
        killed = kill_after([*command, "--runs-dir", str(folder)], tmp_path / "output", moment)
        runs = list(folder.glob("*"))
        if not killed:
            counts["had ended before the moment"] += 1
        elif not runs or not rounds_saved(runs[0]):
            counts["killed before the first checkpoint"] += 1
        else:
            go_on(runs[0], stream, length, counts)
            assert summaries(runs[0]) == expected
            seqs = [event.seq for event in read_events(runs[0])]
            assert seqs == list(range(1, len(seqs) + 1))
            counts["resumed"] += 1
    print(f"\n{family}: {dict(counts)}; every history is equal to that of the uninterrupted run, bit for bit")


def go_on(run: Path, stream: random.Random, length: float, counts: Counter[str]) -> None:
    """Resume a killed run to its end; half of the runs are killed once more on the way."""
    saved, output = rounds_saved(run), run.parent.parent / "output"
    resume = ["train", "--no-tui", "--resume", str(run)]
    counts[f"from round {saved}"] += 1
    if saved == 6:  # It was killed after its last checkpoint, so that there is nothing left to do.
        assert "has completed 6 of 6 rounds" in finish(resume, output, code=2)
        return
    if stream.random() < 0.5 and kill_after(resume, output, stream.uniform(0.1, 1.0) * length):
        counts["killed again while going on"] += 1
    if rounds_saved(run) < 6:
        finish(resume, output)
