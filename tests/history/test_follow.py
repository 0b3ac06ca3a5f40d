"""A follower gives what a full reading gives, in whatever pieces a log was written, and goes back with a resume."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.errors import HistoryError
from esper.history import RunDirectory, read_events
from esper.history.codec import event_to_json
from esper.history.follow import Follower
from esper.history.sealing import seal
from esper.telemetry.events import BatchEpochCompleted, EpochCompleted, Event

Make = Callable[..., object]


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.floats(0, 1), max_size=6))
def test_pieces_give_what_a_full_reading_gives(trained: tuple[Path, object], cuts: list[float]) -> None:
    whole = (trained[0] / "events.jsonl").read_bytes()
    header = whole.index(b"\n") + 1
    places = sorted({header, len(whole), *(header + int(cut * (len(whole) - header)) for cut in cuts)})
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "events.jsonl"
        log.write_bytes(whole[:header])
        follower = Follower(Path(name))
        events = [*follower.read().events]
        for start, end in pairwise(places):
            with log.open("ab") as file:
                file.write(whole[start:end])
            found = follower.read()
            assert found.back_to is None
            events += found.events
        follower.close()
    assert [event_to_json(event) for event in events] == [event_to_json(event) for event in read_events(trained[0])]


def append(run: RunDirectory, *events: Event) -> None:
    with run.events_path.open("a") as file:
        file.writelines(seal(event_to_json(event)) + "\n" for event in events)


@pytest.mark.parametrize("extra", [0, 1, 50])
def test_a_resumed_run_is_followed_back(saved_run: RunDirectory, make: Make, extra: int) -> None:
    """Events 2 and 4 end the rounds. The run goes back to the first and grows past, or not up to, where it was."""
    follower = Follower(saved_run.path)
    assert [event.seq for event in follower.read().events] == [1, 2, 3, 4]
    lines = saved_run.events_path.read_bytes().splitlines(keepends=True)
    with saved_run.events_path.open("r+b") as file:
        file.truncate(sum(map(len, lines[:3])))
    anew = [Event(seq=3 + number, time=7.0, payload=make(EpochCompleted, batch=2)) for number in range(extra)]
    append(saved_run, *anew)
    found = follower.read()
    assert found.back_to == 2
    assert [event_to_json(event) for event in found.events] == [event_to_json(event) for event in anew]
    end = Event(seq=3 + extra, time=8.0, payload=make(BatchEpochCompleted, batch=2))
    append(saved_run, end)
    found = follower.read()
    assert (found.back_to, found.events) == (None, (end,))
    follower.close()


def test_a_wrong_line_is_named(saved_run: RunDirectory) -> None:
    follower = Follower(saved_run.path)
    follower.read()
    with saved_run.events_path.open("a") as file:
        file.write(seal('{"seq":5}') + "\n")
    with pytest.raises(HistoryError, match="line 6: time is missing"):
        follower.read()
    follower.close()


def test_a_deleted_log_is_an_error(saved_run: RunDirectory) -> None:
    follower = Follower(saved_run.path)
    follower.read()
    saved_run.events_path.unlink()
    with pytest.raises(HistoryError, match="was deleted while it was followed"):
        follower.read()
    follower.close()
