from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from terminals import terminal

from esper.control.server import served_control
from esper.history import RunDirectory, open_recording
from esper.history.run_list import listed_run
from esper.telemetry.events import BatchEpochCompleted, RunEnd, TrainingEnded, TrainingStarted
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl

Esper = Callable[..., subprocess.CompletedProcess[str]]
TRAIN = ("train", "--no-tui", "--preset", "digits", "--envs", "1", "--episode-length", "2", "--threads", "1")


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "esper.cli.main", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rounds(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("round ")]


@pytest.mark.parametrize(
    ("ended_by", "word", "code"), [(signal.SIGTERM, "ENDED: The run stopped", 0), (signal.SIGKILL, "CUT OFF", 1)]
)
def test_watchers_see_every_round_from_the_first_and_the_end(
    tmp_path: Path, ended_by: signal.Signals, word: str, code: int
) -> None:
    writer = start(*TRAIN, "--rounds", "100000", "--runs-dir", tmp_path / "runs")
    with writer:
        assert writer.stdout is not None
        assert any(line.startswith("round") for line in writer.stdout)
        run = next((tmp_path / "runs").iterdir())
        watchers = [start("watch", "--no-tui", run) for _ in range(2)]
        for watcher in watchers:
            assert watcher.stdout is not None
            first = watcher.stdout.readline()
            assert first == "LIVE: another process writes this run; Ctrl-C ends watching, not the run\n"
            assert any(line.startswith("round ") for line in watcher.stdout)
        writer.send_signal(ended_by)
        writer.communicate(timeout=60)
    for watcher in watchers:
        assert watcher.stdout is not None
        with watcher:
            rest = watcher.stdout.read()
        assert watcher.returncode == code
        assert word in rest
        assert "Go on with it: esper train --resume" in rest or ended_by is signal.SIGKILL
        # The first round line was read above, so the rest begins with the second.
        numbers = [int(line.split()[1].split("/")[0]) for line in rounds(rest)]
        assert numbers == list(range(2, (listed_run(run).rounds_completed or 0) + 1))


def test_a_run_that_is_over_is_printed_and_its_end(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("watch", "--no-tui", finished_run.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(rounds(done.stdout)) == 1  # The second has no throughput record.
    assert done.stdout.endswith("ENDED: The run finished after 2 rounds in 1:02:05.\n")


def test_a_run_that_was_cut_off_says_so(esper: Esper, unfinished_run: RunDirectory) -> None:
    done = esper("watch", "--no-tui", unfinished_run.path)
    assert done.returncode == 1
    assert "CUT OFF: The run has no end: it was cut off.\n" in done.stdout


def test_the_cockpit_watches_and_steers_a_run_of_another_process(tmp_path: Path, first_event: TrainingStarted) -> None:
    control = RunControl()
    round_end = BatchEpochCompleted(
        batch=1,
        max_batches=2,
        episodes_completed=1,
        n_envs=2,
        avg_accuracy=1.0,
        rolling_avg_accuracy=1.0,
        avg_reward=0.0,
        env_accuracies=(1.0, 1.0),
    )
    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(TrainingConfig(), tmp_path / "runs"))
        path = recording.directory.path
        stack.enter_context(served_control(control, path, print))
        recording.hub.emit(first_event)
        recording.hub.emit(round_end)  # This writes both out.
        with terminal(tmp_path, "watch", str(path)) as shown, terminal(tmp_path, "watch", str(path)) as other:
            for watcher in (shown, other):
                watcher.wait_for(lambda watcher=watcher: "● LIVE".encode() in watcher.screen)
            shown.type("p")
            shown.wait_for(lambda: b"Pause training?" in shown.screen)
            shown.type("y")
            for watcher in (shown, other):
                watcher.wait_for(lambda watcher=watcher: b"TRAINING PAUSED" in watcher.screen)
            assert control.is_paused
            recording.hub.emit(TrainingEnded(end=RunEnd.FINISHED, batches_completed=1, wall_seconds=1.0))
            stack.close()
            shown.wait_for(lambda: b"ENDED ok" in shown.screen)
            shown.type("q")
            assert shown.wait() == 0
            other.send(signal.SIGTERM)
            assert other.wait() == 128 + signal.SIGTERM


SAMPLES = Path(__file__).parents[2] / "samples"


def test_the_originals_file_is_watched_like_a_run(esper: Esper) -> None:
    done = esper("watch", "--no-tui", SAMPLES / "original")
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("cifar")
    assert last.startswith("ENDED: The run finished after 2 rounds")
    assert len(rounds(done.stdout)) == 2
    assert "lines: " in done.stderr


def test_an_imported_run_without_settings_is_watched(esper: Esper, tmp_path: Path) -> None:
    assert esper("import", SAMPLES / "original", "--out", tmp_path / "run").returncode == 0
    done = esper("watch", "--no-tui", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert len(rounds(done.stdout)) == 2
