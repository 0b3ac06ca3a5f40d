"""Quick functions that build frozen records from documents, written as source text and compiled, one per record class.

The dataclasses module does the same for `__init__`, but in a frozen class that sets every field through a call, which
takes eight times as long as an assignment. The functions here fill an object of a twin class, which has the same slots
and is not frozen, and then give it the record's class. Python allows that between classes of the same layout.

A function handles the ordinary document only: every field is there, and no other key. For all else, and for every
value that is not plainly of its field's type, it asks the general hooks, so that it accepts what they accept and
refuses what they refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, cast

from esper.history.type_forms import (
    bounds_of,
    enum_table,
    is_bounded,
    is_enum,
    is_optional,
    without_bounds,
    without_none,
)
from esper.telemetry.bounds import LONGEST_TEXT

Hook = Callable[[object, object], object]

_NOTHING: Final[Mapping[str, object]] = {}
_PRIMITIVES: Final[frozenset[object]] = frozenset({int, float, bool})


def can_be_compiled(form: type) -> bool:
    """Whether records of this class can be built without calling it: it has slots, and checks nothing on its own."""
    return "__slots__" in vars(form) and not hasattr(form, "__post_init__")


def compile_record(
    form: type,
    types: Mapping[str, object],
    hook_of: Callable[[object], Hook],
    general: Hook,
    *,
    tags: int = 0,
    defaults: Mapping[str, object] = _NOTHING,
) -> Hook:
    """A function that builds a record from a document, as a converter's hook.

    types: the fields in order, with their types.
    hook_of: gives the general hook of a type.
    general: the general hook for the whole record.
    tags: how many keys the ordinary document has beside the fields.
    defaults: the values of fields that the ordinary document may leave out.
    """
    scope: dict[str, object] = {"form": form, "general": general, "Twin": _twin(form), "new": object.__new__}
    for name, kind in types.items():
        scope[f"hook_{name}"], scope[f"type_{name}"] = hook_of(kind), kind
        scope[f"table_{name}"] = enum_table(cast("type[Enum]", kind)) if is_enum(kind) else None
    scope |= {f"default_{name}": value for name, value in defaults.items()}
    length = " + ".join([str(len(types) - len(defaults) + tags), *(f"({name!r} in value)" for name in defaults)])
    source = [
        "def build(value, _):",
        f"    if type(value) is not dict or len(value) != {length}:",
        "        return general(value, form)",
        "    record = new(Twin)",
        "    try:",
        *(
            f"        {line}"
            for name, kind in types.items()
            for line in _field_lines(name, kind, may_lack=name in defaults)
        ),
        "    except KeyError:",
        "        return general(value, form)",
        "    record.__class__ = form",
        "    return record",
    ]
    exec("\n".join(source), scope)
    return cast("Hook", scope["build"])


def _field_lines(name: str, kind: object, *, may_lack: bool) -> list[str]:
    """The statements that set one field.

    may_lack: whether the document may leave it out.
    """
    item = f"item = value.get({name!r}, default_{name})" if may_lack else f"item = value[{name!r}]"
    convert = f"hook_{name}(item, type_{name})"
    if is_enum(kind):
        return [
            item,
            f"record.{name} = table_{name}[item] if type(item) is str and item in table_{name} else {convert}",
        ]
    strange = _strange(kind)
    if strange is None:
        return [item, f"record.{name} = {convert}"]
    return [item, f"if {strange}:", f"    item = {convert}", f"record.{name} = item"]


def _strange(kind: object) -> str | None:
    """An expression that is true if the item needs the general hook; None if every item does."""
    if is_optional(kind):
        inner = _strange(without_none(kind))
        return None if inner is None else f"item is not None and ({inner})"
    if is_bounded(kind):
        bounds, number = bounds_of(kind), cast("type", without_bounds(kind)).__name__
        return f"type(item) is not {number} or not {bounds.low!r} <= item <= {bounds.high!r}"
    if kind is str:
        return f"type(item) is not str or len(item) > {LONGEST_TEXT}"
    return f"type(item) is not {cast('type', kind).__name__}" if kind in _PRIMITIVES else None


def _twin(form: type) -> type:
    """A class of the same layout whose fields can be set."""
    slots = cast("object", vars(form)["__slots__"])
    members: dict[str, object] = {"__slots__": slots, "__init__": object.__init__, "__setattr__": object.__setattr__}
    return type(f"{form.__name__}Twin", form.__bases__, members)
