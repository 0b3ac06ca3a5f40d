from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from sample_events import STARTED

from esper.history import RunDirectory, open_recording
from esper.history.presets import with_values
from esper.telemetry.events import (
    BatchStats,
    Payload,
    PhaseTime,
    RunEnd,
    Throughput,
    TrainingEnded,
    TrainingStarted,
)
from esper.training.config import TrainingConfig

Esper = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def esper() -> Esper:
    """Runs `esper ...` in a process of its own, without a terminal."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "esper.cli.main", *map(str, arguments)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"},
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def first_event() -> TrainingStarted:
    """The first event of a run of two rounds."""
    return STARTED


def stats(batch: int, *, test_accuracy: float | None = 47.25, entropy: float | None = 1.234) -> BatchStats:
    return BatchStats(
        batch=batch,
        episodes_completed=2 * batch,
        avg_accuracy=45.5,
        rolling_avg_accuracy=44.0,
        best_accuracy=51.0,
        avg_test_accuracy=test_accuracy,
        avg_return=-1.5,
        return_p10=-2.0,
        return_p90=-1.0,
        entropy=entropy,
        kl_divergence=0.01,
        explained_variance=0.5,
        seeds_created=3,
        seeds_fossilized=2,
        seeds_pruned=1,
        rollbacks=0,
        skipped_update=False,
    )


def throughput(batch: int) -> Throughput:
    return Throughput(
        batch=batch,
        wall_ms=1000.0,
        step_time_ms=100.0,
        dataloader_wait_ms=1.0,
        env_epochs_per_second=312.04,
        images_per_second=9000.0,
        update_ms=20.0,
        phases=(PhaseTime(phase="train", milliseconds=800.0),),
    )


def record(runs_dir: Path, *payloads: Payload) -> RunDirectory:
    """A run directory with these events."""
    config = with_values(TrainingConfig(), {"run.preset": "digits"})
    with open_recording(config, runs_dir, clock=lambda: 1000.0) as recording:
        for payload in payloads:
            recording.hub.emit(payload)
    return recording.directory


@pytest.fixture
def finished_run(tmp_path: Path) -> RunDirectory:
    ended = TrainingEnded(end=RunEnd.FINISHED, batches_completed=2, wall_seconds=3725.0)
    return record(
        tmp_path / "runs",
        STARTED,
        stats(1),
        throughput(1),
        stats(2, test_accuracy=None, entropy=None),
        ended,
    )


@pytest.fixture
def unfinished_run(tmp_path: Path) -> RunDirectory:
    return record(tmp_path / "runs", STARTED, stats(1))


@pytest.fixture
def running(tmp_path: Path) -> Generator[tuple[subprocess.Popen[str], Path]]:
    """A run of many rounds in another process, with at least one round complete."""
    options = ("--preset", "digits", "--envs", "1", "--episode-length", "2", "--rounds", "100000", "--threads", "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "esper.cli.main", "train", "--no-tui", *options, "--runs-dir", str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert any(line.startswith("round") for line in process.stdout)
        yield process, next((tmp_path / "runs").iterdir())
        process.kill()
