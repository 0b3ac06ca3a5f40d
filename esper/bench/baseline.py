"""`esper bench baseline`: a whole run, from start to end of its process, against a plain loop that does the same.

The case is the original's published baseline: CIFAR's shape, 50,000 training and 10,000 validation images, one host,
five epochs and one PPO update. Our side is `esper train`, with telemetry and files. The plain loop (bench/plain_run.py)
starts up, makes the same data, trains as many steps with the seeds that our run grew, and validates the same
configurations. It has no policy.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import torch

from esper.bench.timing import Comparison, Seconds, durations, seconds_of

CASE: Final = "baseline-cifar"
PRESET: Final = "cifar_baseline"
TRAIN_IMAGES: Final = 50_000
HELD_OUT_IMAGES: Final = 10_000
BATCH_SIZE: Final = 512
EPOCHS: Final = 5


def measure(name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]:
    """Time both processes in turn, as often as repeats says, in seconds."""
    overrides = [
        f"task.train_samples={TRAIN_IMAGES}",
        f"task.test_samples={HELD_OUT_IMAGES}",
        f"fleet.batch_size={BATCH_SIZE}",
        f"fleet.episode_length={EPOCHS}",
    ]
    seconds = time_processes(overrides, device, threads=torch.get_num_threads(), repeats=repeats)
    work = (
        f"preset {PRESET}, 1 env, {EPOCHS} epochs of {TRAIN_IMAGES:,} images, B {BATCH_SIZE}, validation and test of "
        f"{HELD_OUT_IMAGES:,} images each; whole processes"
    )
    return (durations(seconds, bench="baseline", case=name, scale=1.0, unit="s", work=work),)


def time_processes(overrides: list[str], device: torch.device, *, threads: int, repeats: int) -> Seconds:
    """Time `esper train` with these overrides for one env and one round, and the plain loop on what it recorded."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as runs:
            sets = [part for one in ("fleet.envs=1", "run.rounds=1", *overrides) for part in ("--set", one)]
            train = ["-m", "esper.cli.main", "train", "--preset", PRESET, "--no-tui", *sets]
            where = ["--device", str(device), "--threads", str(threads), "--runs-dir", runs]
            ours.append(seconds_of(partial(_python, *train, *where)))
            (run,) = Path(runs).iterdir()
            theirs.append(seconds_of(partial(_python, "-m", "esper.bench.plain_run", str(run), str(threads))))
    return Seconds(ours=tuple(ours), theirs=tuple(theirs))


def _python(*arguments: str) -> None:
    """Run this interpreter to its end.

    Raises:
        CalledProcessError: it failed. What it wrote is on stderr.
    """
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
