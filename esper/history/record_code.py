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
from dataclasses import fields
from typing import TYPE_CHECKING, Final, TypeVar, cast

from esper.history.type_forms import is_optional, without_none

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
Hook = Callable[[object, object], object]

_PRIMITIVES: Final[tuple[object, ...]] = (int, float, bool, str)


def can_be_compiled(form: type) -> bool:
    """Whether records of this class can be built without calling it: it has slots, and checks nothing on its own."""
    return "__slots__" in vars(form) and not hasattr(form, "__post_init__")


def compile_record(
    form: type[DataclassInstance], hooks: Mapping[str, Hook], types: Mapping[str, object], general: Hook
) -> Hook:
    """A function that builds a record from a document, as a converter's hook.

    hooks, types: per field, the general hook of its type, and the type.
    general: the general hook for the whole record.
    """
    names = [field.name for field in fields(form)]
    scope: dict[str, object] = {"form": form, "general": general, "Twin": _twin(form), "new": object.__new__}
    for name in names:
        scope[f"hook_{name}"], scope[f"type_{name}"] = hooks[name], types[name]
    lines = [
        f"    if type(value) is not dict or len(value) != {len(names)}:",
        "        return general(value, form)",
        "    record = new(Twin)",
        "    try:",
        *(f"        {line}" for name in names for line in _field_lines(name, types[name])),
        "    except KeyError:",
        "        return general(value, form)",
        "    record.__class__ = form",
        "    return record",
    ]
    return cast("Hook", _compiled("value, _", lines, scope))


def compile_constructor(form: type[T]) -> Callable[..., T]:
    """A function that takes the values of a record's fields, in order, and makes the record from them unchecked."""
    names = [field.name for field in fields(cast("type[DataclassInstance]", form))]
    lines = [
        "    record = Twin()",
        *(f"    record.{name} = {name}" for name in names),
        "    record.__class__ = form",
        "    return record",
    ]
    return cast("Callable[..., T]", _compiled(", ".join(names), lines, {"form": form, "Twin": _twin(form)}))


def _compiled(parameters: str, lines: list[str], scope: dict[str, object]) -> object:
    """The function of these parameters with this body.

    scope: the names that it uses.
    """
    exec("\n".join([f"def build({parameters}):", *lines]), scope)
    return scope["build"]


def _field_lines(name: str, form: object) -> list[str]:
    """The statements that set one field."""
    lines = [f"item = value[{name!r}]"]
    convert = f"item = hook_{name}(item, type_{name})"
    plain = _plain_check(form)
    lines += [f"if {plain}:", f"    {convert}"] if plain else [convert]
    return [*lines, f"record.{name} = item"]


def _plain_check(form: object) -> str | None:
    """An expression that is true if the item needs the general hook; None if every item does."""
    if form in _PRIMITIVES:
        return f"type(item) is not {cast('type', form).__name__}"
    if is_optional(form) and without_none(form) in _PRIMITIVES:
        return f"item is not None and type(item) is not {cast('type', without_none(form)).__name__}"
    return None


def _twin(form: type) -> type:
    """A class of the same layout whose fields can be set."""
    slots = cast("object", vars(form)["__slots__"])
    members: dict[str, object] = {"__slots__": slots, "__init__": object.__init__, "__setattr__": object.__setattr__}
    return type(f"{form.__name__}Twin", form.__bases__, members)
