"""Compiled builders of records: they build what the general hooks build, and refuse what those refuse."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from enum import IntEnum
from typing import Annotated

import pytest
from any_records import records
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.errors import RecordError
from esper.history import codec
from esper.history.codec import PAYLOAD_TYPES, event_from_document, event_to_json
from esper.history.record_code import can_be_compiled, compile_record
from esper.telemetry.bounds import Bounds
from esper.telemetry.events import Event, Payload


class Colour(IntEnum):
    RED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    number: Annotated[int, Bounds(low=0, high=9)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Base):
    text: str
    share: float | None = None
    colour: Colour


TYPES: dict[str, object] = {
    "number": Annotated[int, Bounds(low=0, high=9)],
    "text": str,
    "share": float | None,
    "colour": Colour,
}
DOCUMENT = {"number": 3, "text": "a", "share": None, "colour": "RED"}


class AskedError(Exception):
    pass


def refuse(value: object, _: object) -> object:
    raise AskedError(value)


def builder() -> Callable[[object, object], object]:
    return compile_record(Sample, TYPES, lambda _: refuse, refuse)


def test_an_ordinary_document_needs_no_general_hook_and_gives_a_record_like_any_other() -> None:
    record = builder()(DOCUMENT, Sample)
    assert record == Sample(number=3, text="a", share=None, colour=Colour.RED)
    assert type(record) is Sample
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(FrozenInstanceError):
        record.text = "b"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "change",
    [
        {"number": 10},
        {"number": -1},
        {"number": True},
        {"number": 3.0},
        {"text": 1},
        {"text": "a" * 70_000},
        {"share": 1},
        {"colour": "BLUE"},
        {"colour": 1},
        {"colour": []},
        {"more": 1},
    ],
)
def test_whatever_is_not_plainly_of_its_type_is_left_to_the_general_hooks(change: dict[str, object]) -> None:
    with pytest.raises(AskedError):
        builder()(DOCUMENT | change, Sample)


@pytest.mark.parametrize("document", [{}, {**DOCUMENT, "txt": DOCUMENT["text"]}, [], None, "text"])
def test_other_documents_are_left_to_the_general_hook(document: object) -> None:
    if isinstance(document, dict) and document:
        del document["text"]
    with pytest.raises(AskedError):
        builder()(document, Sample)


def test_records_that_check_themselves_are_not_compiled() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        number: int

        def __post_init__(self) -> None:
            raise ValueError

    @dataclass(frozen=True)
    class WithoutSlots:
        number: int

    assert can_be_compiled(Sample)
    assert not can_be_compiled(Checked)
    assert not can_be_compiled(WithoutSlots)


JUNK = st.sampled_from([None, True, -1, 10**12, 2.5, 1e300, "NaN", "junk", [], {}, [1], {"a": 1}])


def places(tree: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every place in a document."""
    found = [path] if path else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


def outcome(make: Callable[[], object]) -> str:
    try:
        return repr(make())
    except (RecordError, ValueError, codec.WrongValueError, codec.BaseValidationError):
        return "refused"


@pytest.mark.parametrize("payload_type", PAYLOAD_TYPES.values(), ids=lambda t: t.__name__)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_compiled_and_general_hooks_agree_on_damaged_documents(
    payload_type: type[Payload], data: st.DataObject
) -> None:
    event = Event(seq=1, time=2.0, payload=data.draw(records(payload_type)))
    document = json.loads(event_to_json(event))
    place = data.draw(st.sampled_from(places(document["payload"])))
    parent = document["payload"]
    for key in place[:-1]:
        parent = parent[key]
    if data.draw(st.booleans()):
        parent[place[-1]] = data.draw(JUNK)
    else:
        del parent[place[-1]]
    slow = codec._explaining_converter()
    expected = outcome(lambda: slow.structure(document["payload"], payload_type))
    assert outcome(lambda: event_from_document(document).payload) == expected
