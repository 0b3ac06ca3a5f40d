"""The benchmark of replays: its long recording is one that a run could have written, and its figures are of seeks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from short_runs import SHORT

from esper.bench import replay
from esper.bench.long_recording import write_long_log
from esper.bench.suite import BENCHMARKS
from esper.history import read_events
from esper.telemetry.events import BatchEpochCompleted, EpochCompleted, TrainingStarted
from esper_tui.replay_timing import milliseconds_of_seeks, peak_megabytes

EVENTS = 700


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_long_log(tmp_path_factory.mktemp("bench"), EVENTS, [*SHORT, "run.rounds=2"])


def test_a_long_recording_reads_like_one_run(log: Path) -> None:
    events = read_events(log)  # This checks that no number is missing, and every line's checksum.
    assert len(events) == EVENTS
    assert [one.seq for one in events] == list(range(1, EVENTS + 1))
    assert all(one.time <= other.time for one, other in pairwise(events))
    assert sum(isinstance(one.payload, TrainingStarted) for one in events) == 1
    rounds = [one.payload.batch for one in events if isinstance(one.payload, BatchEpochCompleted)]
    assert rounds == list(range(1, len(rounds) + 1))
    assert len(rounds) > 4
    places = [(one.payload.batch, one.payload.epoch) for one in events if isinstance(one.payload, EpochCompleted)]
    assert places == sorted(places)


def test_seeks_and_memory_are_those_of_the_whole_recording(log: Path) -> None:
    assert len(milliseconds_of_seeks(log, 5)) == 5
    assert log.with_suffix(".index").exists()
    assert 10 < peak_megabytes() < 10_000


def test_the_cases_are_those_that_the_documentation_names() -> None:
    assert BENCHMARKS["replay"].cases == replay.CASES
    assert {"first-frame-s", "seek-p95-ms", "decode-events-per-s", "memory-mb"} <= set(replay.CASES)
