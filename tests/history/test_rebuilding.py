from __future__ import annotations

from pathlib import Path

import pytest

from esper.history import read_events, read_run_history
from esper.history.rebuilding import rebuilt_history
from esper.telemetry.events import BatchEpochCompleted, BatchStats

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.glob("version-*")))
def test_the_history_that_is_rebuilt_is_the_one_that_was_written(sample: str) -> None:
    written = read_run_history(SAMPLES / sample).lines
    assert tuple(rebuilt_history(read_events(SAMPLES / sample))) == written


def test_a_round_without_its_end_is_left_out() -> None:
    events = read_events(SAMPLES / "version-1")
    last = max(index for index, event in enumerate(events) if isinstance(event.payload, BatchEpochCompleted))
    assert [line.summary.batch for line in rebuilt_history(events[:last])] == [1]


def test_rounds_follow_each_other_without_a_gap() -> None:
    events = read_events(SAMPLES / "version-1")
    without = [event for event in events if not (isinstance(event.payload, BatchStats) and event.payload.batch == 1)]
    assert without != events
    assert list(rebuilt_history(without)) == []
