"""The rank of an event in a file: left out where there is one process, and read strictly where there are several."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from esper.errors import RecordError
from esper.history.codec import event_from_json, event_to_json
from esper.telemetry.events import Event, SinkDetached

EVENT = Event(seq=7, time=1.5, payload=SinkDetached(sink="csv", reason="the disk is full"))


def with_key(text: str, key: str, value: object) -> str:
    return json.dumps({**json.loads(text), key: value})


def test_a_file_of_one_process_does_not_mention_ranks() -> None:
    assert list(json.loads(event_to_json(EVENT))) == ["seq", "time", "kind", "group_id", "severity", "payload"]


@pytest.mark.parametrize("rank", [0, 1, 63])
def test_events_come_back_with_their_rank(rank: int) -> None:
    event = replace(EVENT, rank=rank)
    assert event_from_json(event_to_json(event)) == event


def test_a_rank_may_be_spelt_out() -> None:
    assert event_from_json(with_key(event_to_json(EVENT), "rank", 0)) == EVENT


@pytest.mark.parametrize("value", [-1, 1.5, "1", True, None])
def test_a_rank_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(RecordError, match=r"^rank is .*expected an integer from 0"):
        event_from_json(with_key(event_to_json(EVENT), "rank", value))


def test_no_other_key_may_be_added() -> None:
    with pytest.raises(RecordError, match="rnk does not exist"):
        event_from_json(with_key(event_to_json(EVENT), "rnk", 1))
