"""Decoding enforces the ranges of esper.telemetry.bounds: a value outside is the error of a damaged line."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
import sample_events
from any_records import records
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.errors import HistoryError, RecordError
from esper.history import RunDirectory, read_events
from esper.history.codec import PAYLOAD_TYPES, event_from_json, event_to_json
from esper.history.sealing import seal
from esper.telemetry.bounds import LONGEST_LIST, LONGEST_TEXT, MOST_BATCHES, MOST_ENVS, MOST_EPOCHS, Bounds
from esper.telemetry.events import Event, GroupStarted, Payload

STARTED = replace(
    sample_events.STARTED,
    max_batches=4,
    groups=(
        GroupStarted(
            group_id="A",
            controller="ppo",
            learns=True,
            reward_mode="shaped",
            reward_family="contribution",
            env_ids=(0, 1),
        ),
    ),
)


def test_the_largest_run_can_be_read() -> None:
    started = replace(STARTED, n_envs=MOST_ENVS, max_epochs=MOST_EPOCHS, max_batches=MOST_BATCHES, seed=2**63 - 1)
    line = event_to_json(Event(seq=2**53, time=253_402_300_799.0, payload=started))
    assert event_from_json(line).payload == started


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("payload.n_envs", 10**11, "is 100000000000: expected an integer from 1 to 131,072"),
        ("payload.n_envs", 0, "is 0: expected an integer from 1 to 131,072"),
        ("payload.max_epochs", 10**12, "is 1000000000000: expected an integer from 1 to 1,000,000"),
        ("payload.num_classes", -1, "is -1: expected an integer from 0 to "),
        ("payload.host_params", 0, "is 0: expected an integer from 1 to "),
        ("payload.start_batch", 5, "is 5: expected at most max_batches, 4"),
        ("payload.seed", 2**63, "expected an integer from 0 to "),
        ("payload.learning_rate", "NaN", "is 'NaN': expected a number from 0 to 1,000,000"),
        ("payload.groups.0.env_ids", [0, -1], "groups[0].env_ids[1] is -1: expected an integer from 0 to 131,071"),
        ("payload.slot_ids", ["r0c0"] * (LONGEST_LIST + 1), "expected a list of at most 131,072 elements"),
        ("payload.task", "x" * (LONGEST_TEXT + 1), "expected a string of at most 65,536 characters"),
        ("seq", 0, "seq is 0: expected an integer from 1 to "),
        ("seq", 2**60, "expected an integer from 1 to "),
        ("time", 1e300, "time is 1e+300: expected a number from 0 to 253,402,300,799"),
        ("time", -1, "time is -1: expected a number from 0 to"),
        ("time", "NaN", "time is 'NaN': expected a number from 0 to"),
        ("time", "Infinity", "time is 'Infinity': expected a number from 0 to"),
    ],
)  # fmt: skip
def test_a_damaged_line_is_named_with_its_field(saved_run: RunDirectory, key: str, value: object, said: str) -> None:
    line = json.loads(event_to_json(Event(seq=5, time=1000.0, payload=STARTED)))
    *tables, name = key.split(".")
    place = line
    for table in tables:
        place = place[int(table) if table.isdigit() else table]
    place[name] = value
    saved_run.events_path.write_text(saved_run.events_path.read_text() + seal(json.dumps(line)) + "\n")
    with pytest.raises(HistoryError) as caught:
        read_events(saved_run.path)
    text = str(caught.value)
    assert text.startswith(f"{saved_run.events_path}, line 6: {key.partition('.0')[0]}")
    assert said in text
    assert "\n" not in text
    assert len(text) < len(str(saved_run.events_path)) + 250


@pytest.mark.parametrize("payload_type", PAYLOAD_TYPES.values(), ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_number_outside_its_bounds_is_refused_wherever_it_stands(
    payload_type: type[Payload], data: st.DataObject
) -> None:
    payload = data.draw(records(payload_type))
    hints = get_type_hints(payload_type, include_extras=True)
    bounded = [item.name for item in fields(payload_type) if get_origin(hints[item.name]) is Annotated]
    if not bounded:
        return
    name = data.draw(st.sampled_from(bounded))
    bounds = get_args(hints[name])[1]
    assert isinstance(bounds, Bounds)
    wrong = data.draw(st.sampled_from([math.floor(bounds.low) - 1, math.ceil(bounds.high) + 1, 10**30]))
    document = json.loads(event_to_json(Event(seq=1, time=0.0, payload=payload)))
    document["payload"][name] = wrong
    with pytest.raises(RecordError) as caught:
        event_from_json(json.dumps(document))
    assert caught.value.path == f"payload.{name}"
    assert bounds.words in str(caught.value)
