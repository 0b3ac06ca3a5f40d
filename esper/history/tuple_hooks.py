"""Quick hooks for lists of one type: what is plainly right is converted at once, all else element by element."""

from __future__ import annotations

from enum import Enum
from typing import cast

from esper.history.type_forms import enum_table, is_enum, is_optional, without_none
from esper.history.value_hooks import StructureHook, check_list
from esper.telemetry.bounds import LONGEST_LIST, LONGEST_TEXT


def quick_tuple_hook(element_type: object, element_hook: StructureHook) -> StructureHook:
    """Tuples of elements of a type. They are those that the element's hook gives, and so are the errors."""

    def one_by_one(value: list[object], _: object) -> object:
        if type(value) is not list or len(value) > LONGEST_LIST:
            check_list(value)
        return tuple([element_hook(element, element_type) for element in value])

    def numbers(value: list[object], form: object) -> object:
        return _whole(value) if type(value) is list and set(map(type, value)) == exact else one_by_one(value, form)

    def texts(value: list[object], form: object) -> object:
        plain = type(value) is list and set(map(type, value)) == {str}
        if plain and max(map(len, cast("list[str]", value))) <= LONGEST_TEXT:
            return _whole(value)
        return one_by_one(value, form)

    def members(value: list[object], form: object) -> object:
        check_list(value)
        try:
            return tuple([table[element] for element in value])
        except (KeyError, TypeError):
            return one_by_one(value, form)

    exact, table = {element_type}, _table(element_type)
    if element_type is float or element_type is bool:
        hook = numbers
    elif element_type is str:
        hook = texts
    else:
        hook = members if table else one_by_one
    return cast("StructureHook", hook)


def _whole(value: list[object]) -> tuple[object, ...]:
    check_list(value)
    return tuple(value)


def _table(element_type: object) -> dict[object, Enum | None]:
    """What stands for each member of an enum in files, and None if it may be missing; empty for other types."""
    inner = without_none(element_type) if is_optional(element_type) else element_type
    if not is_enum(inner):
        return {}
    missing: dict[object, Enum | None] = {None: None} if is_optional(element_type) else {}
    return {**enum_table(cast("type[Enum]", inner)), **missing}
