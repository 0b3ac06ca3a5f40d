"""Recordings with wrong values in right places: each is refused in one line, or reduced and drawn like any other."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

from any_records import records
from fuzzing import SCALE, assert_said_well, cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import Tree, mutate

from esper.errors import RecordError
from esper.history.codec import event_from_json
from esper.history.json_text import parse_json_object
from esper.history.migrations import migrate
from esper.history.sealing import unseal
from esper.telemetry.events import Event, Payload, TrainingStarted
from esper_tui.app import CockpitApp
from esper_tui.screens.registry import SCREENS
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.aggregator import Aggregator

SAMPLE = Path(__file__).parents[1] / "samples" / "version-2" / "events.jsonl"
RECORDED = Path(__file__).parents[1] / "esper_tui" / "recorded_run.jsonl.gz"
SIZES = ((80, 24), (120, 36), (160, 45), (40, 12))


def documents() -> list[Tree]:
    """The events of the stored sample, with one of each kind that only the longer recorded run has."""
    found: list[Tree] = [json.loads(unseal(line)) for line in SAMPLE.read_bytes().splitlines()[1:]]
    kinds = {document["kind"] for document in found}
    for line in gzip.decompress(RECORDED.read_bytes()).splitlines()[1:]:
        document = migrate(parse_json_object(line), "events", 1)
        if document["kind"] not in kinds:
            kinds.add(document["kind"])
            found.insert(-1, document)
    return found


DOCUMENTS = documents()
KINDS = Counter(document["kind"] for document in DOCUMENTS)


def mutated_run(stream: random.Random) -> list[Event]:
    """A recording in which some events have other values. A change that is refused is undone."""
    share = stream.choice((0.02, 0.2, 1.0))
    return [_mutated(document, stream, share) for document in DOCUMENTS]


def _mutated(document: Tree, stream: random.Random, share: float) -> Event:
    event, text = event_from_json(json.dumps(document)), json.dumps(document)
    if stream.random() > (share if KINDS[document["kind"]] > 4 else max(share, 0.5)):
        return event
    for _ in range(stream.choice((1, 2, 4, 12))):
        changed = json.loads(text)
        mutate(changed, stream)
        try:
            event = event_from_json(json.dumps(changed))
            text = json.dumps(changed)
        except RecordError as error:
            assert_said_well(error)
    return event


def test_a_mutated_event_is_refused_in_one_line_or_is_reduced() -> None:
    for stream in cases("reduced", 25):
        aggregator = Aggregator()
        events = mutated_run(stream)
        for event in events:
            aggregator.apply(event)
        assert aggregator.snapshot().events == len(DOCUMENTS)


@settings(max_examples=20 * SCALE, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of([records(kind) for kind in get_args(Payload)]), max_size=8))
def test_whatever_a_record_may_hold_is_reduced(payloads: list[Payload]) -> None:
    aggregator = Aggregator()
    for seq, payload in enumerate(payloads, start=1):
        if isinstance(payload, TrainingStarted):  # The largest fleet takes seconds for each picture.
            payload = replace(payload, n_envs=min(payload.n_envs, 32))
        aggregator.apply(Event(seq=seq, time=1000.0 + seq, payload=payload))
        aggregator.snapshot()


async def test_a_mutated_recording_is_drawn_on_every_screen() -> None:
    for stream in cases("drawn", 2):
        events = mutated_run(stream)
        source = ReplaySource(events, origin="runs/x", clock=lambda: 0.0)
        source.seek(stream.randrange(len(events) + 1))
        app = CockpitApp(source)
        async with app.run_test(size=stream.choice(SIZES)) as pilot:
            for kind in SCREENS:
                app.bring_up(kind.NAME)
                await pilot.pause(0.05)
                await pilot.press(*stream.choices(("down", "right", "left", "tab", "s", "n"), k=2))
            source.to_end()
            app.draw_frame()
            await pilot.pause(0.05)
