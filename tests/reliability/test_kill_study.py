"""Runs that are killed at random moments, some of them again while they go on, end as if nothing had happened.

A study of minutes: `pytest -m slow tests/reliability/test_kill_study.py -s` runs it and prints its counts.
ESPER_KILLS=n divides the number of moments by n.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
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
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}
FEWER = int(os.environ.get("ESPER_KILLS", "1"))


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "esper", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
    )


def finish(arguments: list[str]) -> None:
    process = start(arguments)
    said, _ = process.communicate(timeout=150)
    assert process.returncode == 0, said


def kill_after(arguments: list[str], seconds: float) -> bool:
    """Start a process and kill it after so long; returns whether it was still there."""
    process = start(arguments)
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0, said
    return False


def summaries(run: Path) -> list[BatchSummary]:
    return [summary.without_timings() for summary in read_history(run)]


def rounds_saved(run: Path) -> int:
    return max((int(place.name[-6:]) for place in (run / "checkpoints").glob("round-*")), default=0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES)
def test_killed_at_any_moment_a_run_ends_as_if_nothing_had_happened(family: str, tmp_path: Path) -> None:
    command, moments = FAMILIES[family]
    started = time.monotonic()
    finish([*command, "--runs-dir", str(tmp_path / "whole")])
    length = time.monotonic() - started
    (whole,) = (tmp_path / "whole").iterdir()
    expected, stream, counts = summaries(whole), random.Random(f"kills of {family}"), Counter[str]()
    while counts["resumed"] < max(1, moments // FEWER):
        folder = tmp_path / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        killed = kill_after([*command, "--runs-dir", str(folder)], stream.uniform(0.3, 1.0) * length)
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
    saved = rounds_saved(run)
    counts[f"from round {saved}"] += 1
    if saved == 6:  # It was killed after its last checkpoint, so that there is nothing left to do.
        said = start(["train", "--no-tui", "--resume", str(run)]).communicate()[0]
        assert "has completed 6 of 6 rounds" in said
        return
    resume = ["train", "--no-tui", "--resume", str(run)]
    if stream.random() < 0.5 and kill_after(resume, stream.uniform(0.3, 1.0) * length):
        counts["killed again while going on"] += 1
    if rounds_saved(run) < 6:
        finish(resume)
