"""Single values of a document, checked and never coerced: the hooks below the codec for everything but records."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import cast, get_args

from esper.contracts.blueprints import Blueprint, recorded_blueprint
from esper.history.json_text import NON_FINITE
from esper.history.type_forms import bounds_of, enum_table, without_bounds
from esper.telemetry.bounds import LONGEST_LIST, LONGEST_TEXT

StructureHook = Callable[[object, object], object]


class WrongValueError(Exception):
    """The value has the wrong type, or lies outside its bounds. The notes added on the way up say where it stands.

    expected: what is allowed, in words; empty where the field's type says it.
    """

    def __init__(self, value: object, expected: str = "") -> None:
        super().__init__(expected)
        self.value = value
        self.expected = expected


def number_hook(value: object, _: object) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise WrongValueError(value) from None
    if type(value) is str and value in NON_FINITE:
        return NON_FINITE[value]
    raise WrongValueError(value)


def exact_hook(kind: type) -> StructureHook:
    """Values of this very type. A text has at most LONGEST_TEXT characters."""

    def hook(value: object, form: object) -> object:
        if form is not kind:  # For an enum that is derived from int or str, cattrs would take the hook of int or str.
            return _member(value, cast("type[Enum]", form))
        if type(value) is not kind:
            raise WrongValueError(value)
        if type(value) is str and len(value) > LONGEST_TEXT:
            raise WrongValueError(value, f"a string of at most {LONGEST_TEXT:,} characters")
        return value

    return hook


def bounded_hook(form: object) -> StructureHook:
    """Numbers within the bounds that stand beside their type."""
    kind, bounds = without_bounds(form), bounds_of(form)
    low, high = bounds.low, bounds.high
    expected = f"{'an integer' if kind is int else 'a number'} {bounds.words}"

    def check_integer(value: object, _: object) -> object:
        if type(value) is not int or not low <= value <= high:
            raise WrongValueError(value, expected)
        return value

    def check_number(value: object, _: object) -> object:
        number = value if type(value) is float else number_hook(value, kind)
        if not low <= number <= high and not bounds.allow(number):
            raise WrongValueError(value, expected)
        return number

    return check_integer if kind is int else check_number


def literal_hook(value: object, form: object) -> object:
    if type(value) is not str or value not in get_args(form):
        raise WrongValueError(value)
    return value


def check_list(value: object) -> None:
    """Refuse what is no list, or one of more than LONGEST_LIST elements."""
    if type(value) is not list:
        raise WrongValueError(value)
    elements = cast("list[object]", value)
    if len(elements) > LONGEST_LIST:
        raise WrongValueError(elements, f"a list of at most {LONGEST_LIST:,} elements")


def _member(value: object, enumeration: type[Enum]) -> Enum:
    table = enum_table(enumeration)
    if type(value) is str and value in table:
        return table[value]
    if type(value) is str and enumeration is Blueprint:  # A plug-in's, which need not be loaded to read its record.
        own = recorded_blueprint(value)
        if own is not None:
            return own
    raise WrongValueError(value)
