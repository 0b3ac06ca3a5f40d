"""A run that was killed goes on in its own directory, and its record becomes that of a run that never stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from short_runs import record, short_config

from esper.errors import CheckpointError, HistoryError
from esper.history import open_recording, read_events, read_history
from esper.history.presets import load_preset, with_overrides
from esper.history.recording import resume_recording
from esper.history.resuming import find_resume_point
from esper.history.run_directory import RunDirectory
from esper.history.run_lock import is_locked
from esper.training.vectorized_types import BatchSummary

SHORT = [
    "--no-tui",
    "--threads=1",
    "--envs=2",
    "--episode-length=4",
    "--set=fleet.steps_per_epoch=3",
    "--set=policy.hidden_size=16",
    "--set=policy.feature_size=16",
]


def esper(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "esper", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"},
        timeout=150,
        check=False,
    )


def summaries(run: Path) -> list[BatchSummary]:
    return [summary.without_timings() for summary in read_history(run)]


def only_run(folder: Path) -> Path:
    (run,) = folder.iterdir()
    return run


def sequence_is_whole(run: Path) -> bool:
    seqs = [event.seq for event in read_events(run)]
    return seqs == list(range(1, len(seqs) + 1))


FAMILIES = {
    "ppo": ["train", "--preset=digits_impaired"],
    "heuristic": ["train", "--preset=digits_impaired", "--controller=heuristic"],
    "loss": ["train", "--preset=digits_impaired", "--set=reward.family=loss"],
    "ab": ["ab", "--preset=digits_impaired", "--a=reward.mode=shaped", "--b=reward.mode=simplified"],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(family: str, tmp_path: Path) -> None:
    command = [*FAMILIES[family], *SHORT, "--rounds=4", "--set=run.checkpoint_interval=1"]
    whole = esper(*command, "--runs-dir", tmp_path / "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "esper", *command, "--runs-dir", str(tmp_path / "killed")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    wait_for_checkpoint(tmp_path / "killed", random.Random(family).randint(1, 3), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = only_run(tmp_path / "killed")
    done = find_resume_point(run, {"run.rounds": 100}).checkpoint.manifest.rounds_completed
    resumed = esper("train", "--no-tui", "--resume", run, *(["--rounds=5"] if done == 4 else []), cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    expected = summaries(only_run(tmp_path / "whole"))
    assert summaries(run)[: len(expected)] == expected
    assert sequence_is_whole(run)


def wait_for_checkpoint(folder: Path, rounds: int, process: subprocess.Popen[bytes]) -> None:
    """Until so many rounds were saved; the moment within the next round is whatever it is."""
    for _ in range(1200):
        if any(folder.glob(f"*/checkpoints/round-{rounds:06d}")) or process.poll() is not None:
            return
        time.sleep(0.05)
    raise AssertionError("the run saved no checkpoint")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two rounds with a checkpoint of each."""
    from short_runs import record, short_config

    return record(short_config("run.rounds=2", "run.checkpoint_interval=1"), tmp_path_factory.mktemp("runs"))[0]


def test_more_rounds_extend_a_finished_run(finished: Path, tmp_path: Path) -> None:
    import shutil

    run = tmp_path / finished.name
    shutil.copytree(finished, run)
    before = summaries(run)
    none_left = esper("train", "--no-tui", "--resume", run, cwd=tmp_path)
    assert none_left.returncode == 2
    assert "has completed 2 of 2 rounds: give --rounds above 2" in none_left.stderr
    assert esper("train", "--no-tui", "--resume", run, "--rounds=3", cwd=tmp_path).returncode == 0
    after = summaries(run)
    assert after[:2] == before
    assert [summary.batch for summary in after] == [1, 2, 3]
    assert RunDirectory.open(run).load_config().run.rounds == 3


def test_an_earlier_checkpoint_can_be_the_start(finished: Path, tmp_path: Path) -> None:
    import shutil

    run = tmp_path / finished.name
    shutil.copytree(finished, run)
    before = summaries(run)
    first = run / "checkpoints" / "round-000001"
    assert esper("train", "--no-tui", "--resume", first, cwd=tmp_path).returncode == 0
    assert summaries(run) == before
    assert sequence_is_whole(run)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--preset=digits"], "--preset cannot be given with --resume"),
        (["--set=ppo.learning_rate=1.0"], "ppo.learning_rate cannot change when a run goes on"),
        (["--set=run.seed=7", "--rounds=9"], "run.seed cannot change when a run goes on"),
    ],
)
def test_what_may_not_change_is_named(finished: Path, options: list[str], said: str) -> None:
    result = esper("train", "--no-tui", "--resume", finished, *options, cwd=finished.parent)
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_that_is_being_written_is_refused(tmp_path: Path) -> None:
    config = with_overrides(load_preset("digits_impaired"), ["run.rounds=1"])
    with open_recording(config, tmp_path) as recording:
        run = recording.directory.path
        assert is_locked(run)
        with pytest.raises(CheckpointError, match="no checkpoint"):
            find_resume_point(run, {})
    assert not is_locked(run)


def test_the_lock_is_held_against_a_second_writer(finished: Path) -> None:
    point = find_resume_point(finished, {"run.rounds": 9})
    program = (
        "import sys, time; from pathlib import Path; from esper.history.run_lock import RunLock\n"
        "lock = RunLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(finished)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with (
            pytest.raises(HistoryError, match=f"is being written by process {holder.pid}"),
            resume_recording(point),
        ):
            pass
        holder.kill()
    assert not is_locked(finished)


def test_what_the_machine_chose_at_the_start_stays(tmp_path: Path) -> None:
    run, _ = record(short_config("run.threads=0", "run.rounds=1"), tmp_path)
    point = find_resume_point(run, {"run.rounds": 2})
    assert (point.config.run.threads, point.config.fleet.conv_algorithm) == (0, "auto")
    (spec,) = point.training_specs()
    assert (spec.config.run.threads, spec.config.fleet.conv_algorithm) == (
        1,
        read_events(run)[0].payload.conv_algorithm,
    )
    (spec,) = find_resume_point(run, {"run.rounds": 2, "run.threads": 3}).training_specs()
    assert spec.config.run.threads == 3
