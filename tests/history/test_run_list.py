"""States and figures of runs, read from the ends of their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from esper.errors import HistoryError
from esper.history import RunDirectory, open_recording, read_events, read_history
from esper.history.run_list import RunState, list_runs, listed_run
from esper.history.run_lock import RunLock
from esper.history.sealing import seal
from esper.history.tail import last_event, last_line, round_accuracies
from esper.telemetry.events import BatchEpochCompleted, RunEnd, TrainingEnded
from esper.training.config import TrainingConfig
from esper.training.vectorized_types import BatchSummary

Make = Callable[..., object]


def recorded(folder: Path, make: Make, end: RunEnd | None, *accuracies: float, second: float = 1000.0) -> RunDirectory:
    with open_recording(TrainingConfig(), folder, clock=lambda: second) as recording:
        for batch, accuracy in enumerate(accuracies, start=1):
            recording.on_summary(make(BatchSummary, batch=batch, avg_accuracy=accuracy))
        recording.hub.emit(make(TrainingEnded, end=end) if end else make(BatchEpochCompleted))
    return recording.directory


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (RunEnd.FINISHED, RunState.ENDED),
        (RunEnd.STOPPED, RunState.STOPPED),
        (RunEnd.FAILED, RunState.FAILED),
        (None, RunState.CUT_OFF),
    ],
)
def test_the_state_is_how_the_run_ended(tmp_path: Path, make: Make, end: RunEnd | None, state: RunState) -> None:
    run = recorded(tmp_path, make, end, 40.0, 60.0, 50.0)
    listed = listed_run(run.path)
    assert (listed.state, listed.rounds_completed, listed.rounds) == (state, 3, 20)
    assert (listed.best_accuracy, listed.last_accuracy, listed.created) == (60.0, 50.0, 1000.0)
    assert listed.bytes == sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())


def test_a_run_is_live_while_its_lock_is_held(tmp_path: Path, make: Make) -> None:
    run = recorded(tmp_path, make, RunEnd.FINISHED, 40.0)
    lock = RunLock(run.path)
    assert listed_run(run.path).state is RunState.LIVE
    lock.close()
    assert listed_run(run.path).state is RunState.ENDED


def test_the_newest_comes_first_and_other_folders_are_no_runs(tmp_path: Path, make: Make) -> None:
    old = recorded(tmp_path, make, None, second=1000.0)
    new = recorded(tmp_path, make, None, second=5000.0)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("")
    assert [run.path for run in list_runs(tmp_path)] == [new.path, old.path]
    assert [run.path for run in list_runs(old.path)] == [old.path]


def test_the_middle_of_the_log_is_not_read(saved_run: RunDirectory) -> None:
    """Listing stays quick however long a log is."""
    header, first, *_, last = saved_run.events_path.read_bytes().splitlines(keepends=True)
    saved_run.events_path.write_bytes(header + first + b"not an event\n" * 20_000 + last)
    assert listed_run(saved_run.path).state is RunState.CUT_OFF
    with pytest.raises(HistoryError, match="line 3"):
        read_events(saved_run.path)


def test_damage_is_one_run_and_not_the_list(tmp_path: Path, make: Make) -> None:
    good = recorded(tmp_path, make, RunEnd.FINISHED, 40.0, second=5000.0)
    bad = recorded(tmp_path, make, RunEnd.FINISHED, 40.0, second=1000.0)
    bad.history_path.write_bytes(bad.history_path.read_bytes() + seal('{"seq":1}').encode() + b"\n")
    good_run, bad_run = sorted(list_runs(tmp_path), key=lambda run: run.path == bad.path)
    assert (good_run.path, good_run.state) == (good.path, RunState.ENDED)
    assert bad_run.state is RunState.DAMAGED
    assert bad_run.problem == f"{bad.history_path}, line 3: it is not the summary of a round"


@pytest.mark.parametrize("size", [10, 70_000, 200_000])
def test_the_last_line_is_found_whatever_its_length(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"header\n" + b"a" * size + b"\n" + b"b" * size + b"\ntorn")
    assert last_line(path) == b"b" * size
    path.write_bytes(b"header\n" + b"a" * size + b"\n")
    assert last_line(path) == b"a" * size
    path.write_bytes(b"header\n" + b"a" * size)
    assert last_line(path) is None


def test_the_quick_readings_equal_the_full_ones(trained: tuple[Path, object]) -> None:
    path, _ = trained
    assert last_event(path) == read_events(path)[-1]
    assert round_accuracies(path) == {summary.batch: summary.avg_accuracy for summary in read_history(path)}
