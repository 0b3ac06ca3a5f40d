"""The index of a log: what it finds, and that it is rebuilt whenever it does not fit."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import write_log
from scripted_run import ScriptedRun

from esper.errors import HistoryError
from esper.history.event_index import EpochPlace, Mark, next_stop, previous_stop
from esper.history.index_file import index_path, load_index
from esper.history.recorded_events import ListedEvents, RecordedEvents
from esper.telemetry.events import AnomalyDetected, EpochCompleted, Event, EventKind, GovernorRollback, LastAction

EVENTS = ScriptedRun(envs=3, epochs=6, rounds=3).events()
INDEX = ListedEvents(EVENTS).index


def read_all(recording: RecordedEvents) -> list[Event]:
    found: list[Event] = []
    while events := recording.read(50):
        found += events
    return found


def indexed(tmp_path: Path) -> Path:
    """A log with its index beside it."""
    log = write_log(tmp_path, EVENTS)
    read_all(RecordedEvents(log))
    assert index_path(log).exists()
    return log


@given(position=st.integers(0, len(EVENTS)), direction=st.sampled_from([1, -1]))
def test_marks_and_kinds_are_found_where_they_are(position: int, direction: int) -> None:
    def nearest(wanted: list[int]) -> int | None:
        there = [place for place in wanted if (place - position) * direction > 0]
        return min(there, key=lambda place: abs(place - position), default=None)

    payloads = [(place, event.payload) for place, event in enumerate(EVENTS, start=1)]
    alerts = [place for place, one in payloads if isinstance(one, AnomalyDetected | GovernorRollback)]
    decisions = [place for place, one in payloads if isinstance(one, LastAction) and one.op != "WAIT"]
    pruned = [place for place, one in payloads if one.kind in (EventKind.SEED_PRUNED, EventKind.SEED_FOSSILIZED)]
    assert alerts
    assert INDEX.next_mark(Mark.ALERT, position, direction) == nearest(alerts)
    assert INDEX.next_mark(Mark.DECISION, position, direction) == nearest(decisions)
    kinds = (EventKind.SEED_PRUNED, EventKind.SEED_FOSSILIZED)
    assert INDEX.next_kind(kinds, position, direction) == nearest(pruned)
    assert INDEX.alerts() == tuple(alerts)


def test_an_epoch_is_complete_right_before_the_next_one_begins() -> None:
    first_of_next = next(
        place
        for place, event in enumerate(EVENTS)
        if isinstance(event.payload, EpochCompleted) and (event.payload.batch, event.payload.epoch) == (2, 4)
    )
    assert INDEX.after_epoch(EpochPlace(batch=2, epoch=3)) == first_of_next
    assert INDEX.epoch_at(first_of_next) == EpochPlace(batch=2, epoch=3)
    assert first_of_next in INDEX.epoch_stops
    assert INDEX.after_round(1) == INDEX.round_stops[0]
    assert INDEX.after_round(3) == len(EVENTS)
    assert INDEX.epoch_at(0) is None


@given(st.integers(0, len(EVENTS)))
def test_stops_before_and_after_a_position(position: int) -> None:
    stops = INDEX.epoch_stops
    assert next_stop(stops, position) == min((one for one in stops if one > position), default=None)
    assert previous_stop(stops, position) == max((one for one in stops if one < position), default=None)


def test_times_seqs_and_shares_lead_to_positions() -> None:
    times = [event.time for event in EVENTS]
    assert INDEX.at_time(times[40]) == bisect_right(times, times[40])
    assert INDEX.after_seq(EVENTS[9].seq) == 10
    assert (INDEX.at_share(0.0), INDEX.at_share(1.0)) == (0, len(EVENTS))


def test_a_second_reader_has_the_index_at_once_and_any_event_is_where_it_says(tmp_path: Path) -> None:
    log = indexed(tmp_path)
    again = RecordedEvents(log)
    assert len(again.index) == len(EVENTS)
    assert again.share_read == 0.0
    assert list(again.between(100, 103)) == EVENTS[100:103]
    assert list(again.between(0, len(EVENTS))) == EVENTS
    assert read_all(again) == EVENTS
    assert again.share_read == 1.0


def test_the_saved_index_is_that_of_a_reading(tmp_path: Path) -> None:
    log = indexed(tmp_path)
    saved = RecordedEvents(log).index
    index_path(log).unlink()
    recording = RecordedEvents(log)
    assert not len(recording.index)
    read_all(recording)
    assert repr(recording.index) == repr(saved)  # NaN equals nothing


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_damaged_index_is_passed_over(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    log = indexed(tmp_path_factory.mktemp("run"))
    good = index_path(log).read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        bad = good[:place]
    else:
        bad = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    index_path(log).write_bytes(bad)
    assert load_index(log) is None
    assert read_all(RecordedEvents(log)) == EVENTS
    assert index_path(log).read_bytes() == good


def test_an_index_of_another_state_of_the_log_is_passed_over(tmp_path: Path) -> None:
    log = indexed(tmp_path)
    write_log(tmp_path, ScriptedRun(envs=3, epochs=6, rounds=3, seed=8).events())
    assert load_index(log) is None
    write_log(tmp_path, EVENTS[:50])
    assert load_index(log) is None


def test_a_log_that_has_grown_keeps_the_beginning_of_its_index(tmp_path: Path) -> None:
    log = write_log(tmp_path, EVENTS[:90])
    read_all(RecordedEvents(log))
    write_log(tmp_path, EVENTS)
    recording = RecordedEvents(log)
    assert len(recording.index) == 90
    assert read_all(recording) == EVENTS
    assert len(RecordedEvents(log).index) == len(EVENTS)


def test_a_log_that_changes_under_its_reader_is_reported(tmp_path: Path) -> None:
    log = indexed(tmp_path)
    recording = RecordedEvents(log)
    text = bytearray(log.read_bytes())
    text[recording.index.ends[150] + 40] ^= 1
    log.write_bytes(text)
    assert list(recording.between(0, 150)) == EVENTS[:150]
    with pytest.raises(HistoryError, match=r"events.jsonl, line 153: crc does not fit the text"):
        list(recording.between(140, 160))
    log.write_bytes(text[:1000])
    with pytest.raises(HistoryError, match="was changed while it was read"):
        list(recording.between(100, 110))


def test_a_torn_tail_is_left_out_and_told(tmp_path: Path) -> None:
    log = write_log(tmp_path, EVENTS[:20])
    with log.open("ab") as file:
        file.write(b'{"crc":')
    recording = RecordedEvents(log)
    assert read_all(recording) == EVENTS[:20]
    assert recording.torn_tail
    assert len(RecordedEvents(log).index) == 20


def test_a_folder_that_cannot_be_written_only_lacks_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write_log(tmp_path, EVENTS[:20])

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("esper.history.recorded_events.save_index", refuse)
    assert read_all(RecordedEvents(log)) == EVENTS[:20]
    assert not index_path(log).exists()


def test_long_silences_are_short_in_playback() -> None:
    events = [
        Event(seq=seq, time=at, payload=EVENTS[0].payload) for seq, at in enumerate([10.0, 11.0, 900.0, 899.0], 1)
    ]
    assert list(ListedEvents(events).index.play_seconds) == [0.0, 1.0, 3.0, 3.0]
