"""A name means the same thing, of the same type, in every kind of event that uses it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, is_dataclass
from typing import get_args, get_type_hints

from esper.telemetry.events import Payload


def _value_types(record: type, found: dict[str, set[object]]) -> None:
    """Add the types of a record's fields, and of the records in it. Whether None is allowed does not count."""
    hints = get_type_hints(record)
    for name in (field.name for field in fields(record)):
        parts = {part for part in (get_args(hints[name]) or (hints[name],)) if part not in (type(None), Ellipsis)}
        for inner in (part for part in parts if is_dataclass(part)):
            _value_types(inner, found)
        found[name] |= {part for part in parts if not is_dataclass(part)}


def test_a_name_has_one_type_in_all_kinds_of_events() -> None:
    found: dict[str, set[object]] = defaultdict(set)
    for kind in get_args(Payload):
        _value_types(kind, found)
    assert {name: types for name, types in found.items() if len(types) > 1} == {}
    assert found["masked"] == {bool}
    assert found["masked_decisions"] == {int}
