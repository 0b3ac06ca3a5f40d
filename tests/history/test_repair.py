from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from esper.errors import HistoryError
from esper.history import RunDirectory, read_run_events, read_run_history
from esper.history.repair import HistoryFault, plan_repair, repair
from esper.history.run_lock import RunLock, check_unlocked

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A copy of a run of version 2 with two rounds."""
    shutil.copytree(SAMPLES / "version-2", tmp_path / "run")
    return RunDirectory.open(tmp_path / "run")


def contents(run: RunDirectory) -> dict[str, bytes]:
    return {str(item): item.read_bytes() for item in sorted(run.path.rglob("*")) if item.is_file()}


def test_a_run_without_faults_stays_as_it_is(run: RunDirectory) -> None:
    before = contents(run)
    plan = plan_repair(run)
    assert not plan.is_needed
    repair(plan)
    assert contents(run) == before


@pytest.mark.parametrize("end", [1, 2, 100, 3_000])
def test_what_was_cut_off_is_cut_back_to_the_last_whole_line(run: RunDirectory, end: int) -> None:
    whole = run.events_path.read_bytes()
    run.events_path.write_bytes(whole[:-end])
    committed = whole[: whole[:-end].rindex(b"\n") + 1]
    plan = plan_repair(run)
    assert plan.torn_bytes == len(whole) - end - len(committed)
    repair(plan)
    assert run.events_path.read_bytes() == committed
    assert not read_run_events(run.path).torn_tail
    assert not plan_repair(run).is_needed


def test_a_tail_longer_than_a_block_is_cut_off(run: RunDirectory) -> None:
    whole = run.events_path.read_bytes()
    run.events_path.write_bytes(whole + b"x" * 200_000)
    plan = plan_repair(run)
    assert plan.torn_bytes == 200_000
    repair(plan)
    assert run.events_path.read_bytes() == whole


def _remove(path: Path) -> None:
    path.unlink()


def _flip(path: Path) -> None:
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(text)


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _extend(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"crc":')


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (_remove, HistoryFault.MISSING),
        (_flip, HistoryFault.DAMAGED),
        (_tear, HistoryFault.OTHER),
        (_extend, HistoryFault.TORN),
    ],
)
def test_the_history_is_written_anew_as_it_was(
    run: RunDirectory, harm: Callable[[Path], None], fault: HistoryFault
) -> None:
    lines, whole = read_run_history(run.path).lines, run.history_path.read_bytes()
    harm(run.history_path)
    plan = plan_repair(run)
    assert plan.history_fault is fault
    repair(plan)
    assert read_run_history(run.path).lines == lines
    assert run.history_path.read_bytes() == whole


def test_a_round_that_was_summarised_just_before_the_end_is_kept(run: RunDirectory) -> None:
    history = run.history_path.read_bytes()
    log = read_run_events(run.path)
    last = read_run_history(run.path).lines[-1].seq
    assert last < len(log.events)
    text = run.events_path.read_bytes().splitlines(keepends=True)
    run.events_path.write_bytes(b"".join(text[: last + 1]))
    plan = plan_repair(run)
    assert (plan.events, plan.history_fault) == (last, None)
    run.events_path.write_bytes(b"".join(text[:last]))
    plan = plan_repair(run)
    assert plan.history_fault is HistoryFault.OTHER, "the history knows of an event that the log does not have"
    repair(plan)
    assert run.history_path.read_bytes() == b"".join(history.splitlines(keepends=True)[:-1])


def test_leftovers_of_unfinished_writes_are_removed(run: RunDirectory) -> None:
    (run.path / ".config.toml.partial").write_text("half")
    (run.checkpoints_path / ".round-0003.partial").mkdir(parents=True)
    (run.checkpoints_path / ".round-0003.partial" / "state.safetensors").write_text("half")
    plan = plan_repair(run)
    assert {place.name for place in plan.leftovers} == {".config.toml.partial", ".round-0003.partial"}
    repair(plan)
    assert not list(run.path.rglob("*.partial"))


def test_damage_in_the_middle_is_reported_and_not_repaired(run: RunDirectory) -> None:
    _flip(run.events_path)
    before = contents(run)
    with pytest.raises(HistoryError, match=r"events\.jsonl, line \d+: "):
        plan_repair(run)
    assert contents(run) == before


def test_files_of_an_older_version_are_named_as_such() -> None:
    with pytest.raises(HistoryError, match="version 1, which are read as they are: `esper train --resume`"):
        plan_repair(RunDirectory.open(SAMPLES / "version-1"))


def test_a_live_run_is_told_from_one_that_is_not(run: RunDirectory) -> None:
    check_unlocked(run.path)
    lock = RunLock(run.path)
    with pytest.raises(HistoryError, match="is being written by process"):
        check_unlocked(run.path)
    lock.close()
    check_unlocked(run.path)
