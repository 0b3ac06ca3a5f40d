"""The annotations of record fields: what kind they are, and what messages call them."""

from __future__ import annotations

import types
from dataclasses import fields
from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from esper.telemetry.bounds import Bounds

_NAMES: Final[dict[object, str]] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "a string",
}


def describe(form: object) -> str:
    """What a field of this type may hold, in words.

    >>> describe(float | None)
    'a number or null'
    """
    if is_bounded(form):
        return f"{_NAMES[without_bounds(form)]} {bounds_of(form).words}"
    if form in _NAMES:
        return _NAMES[form]
    if is_optional(form):
        return f"{describe(without_none(form))} or null"
    if get_origin(form) is tuple:
        return "a list"
    if get_origin(form) is Literal:
        return f"one of {', '.join(get_args(form))}"
    if is_enum(form):
        return f"one of {', '.join(enum_table(cast('type[Enum]', form)))}"
    return "a table"


def is_bounded(form: object) -> bool:
    """Whether the form is a number with bounds beside its type."""
    return get_origin(form) is Annotated


def bounds_of(form: object) -> Bounds:
    return cast("Bounds", get_args(form)[1])


def without_bounds(form: object) -> object:
    """The X of Annotated[X, bounds]."""
    return get_args(form)[0]


def field_forms(record: type) -> dict[str, object]:
    """The forms of a record's fields, with their bounds."""
    return cast("dict[str, object]", get_type_hints(record, include_extras=True))


def forms_in_order(record: type) -> dict[str, object]:
    """The forms of a record's fields, in the order of the fields."""
    forms = field_forms(record)
    return {item.name: forms[item.name] for item in fields(record)}


def forms_with_bounds(record: type) -> dict[str, object]:
    """The forms of the fields that have bounds, which cattrs itself passes over."""
    plain = get_type_hints(record)
    return {name: form for name, form in forms_in_order(record).items() if form != plain[name]}


def is_enum(form: object) -> bool:
    return isinstance(form, type) and issubclass(form, Enum)


def is_literal(form: object) -> bool:
    return get_origin(form) is Literal


def is_optional(form: object) -> bool:
    """Whether the form is X | None."""
    arguments = get_args(form)
    return get_origin(form) in (types.UnionType, Union) and len(arguments) == 2 and type(None) in arguments


def without_none(form: object) -> object:
    """The X of X | None."""
    return next(argument for argument in get_args(form) if argument is not type(None))


def is_homogeneous_tuple(form: object) -> bool:
    """Whether the form is tuple[X, ...]."""
    return get_origin(form) is tuple and get_args(form)[1:] == (Ellipsis,)


@cache
def enum_table(enumeration: type[Enum]) -> dict[str, Enum]:
    """The members by the text that stands for them in files: the value of a StrEnum, or the name of any other enum."""
    by_value = issubclass(enumeration, StrEnum)
    return {str(member.value) if by_value else member.name: member for member in enumeration}
