"""Hypothesis strategies for every value that a record may hold, NaN and infinities among the plain numbers."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from esper.telemetry.bounds import Bounds
from esper.telemetry.events import TrainingStarted

_TOGETHER: dict[type, dict[str, st.SearchStrategy[object]]] = {TrainingStarted: {"start_batch": st.just(1)}}
"""Fields that a record refuses beside some values of the others."""


def records(form: object) -> st.SearchStrategy[object]:
    """Any value of an annotated type, within its bounds."""
    leaves: dict[object, st.SearchStrategy[object]] = {
        int: st.integers(min_value=-(2**63), max_value=2**63),
        float: st.floats(),
        bool: st.booleans(),
        str: st.text(max_size=8),
        type(None): st.none(),
    }
    if form in leaves:
        return leaves[form]
    if get_origin(form) is Annotated:
        return _within(*get_args(form))
    if get_origin(form) in (types.UnionType, Union):
        return st.one_of([records(choice) for choice in get_args(form)])
    if get_origin(form) is tuple:
        return st.lists(records(get_args(form)[0]), max_size=2).map(tuple)
    if get_origin(form) is Literal:
        return st.sampled_from(get_args(form))
    if isinstance(form, type) and issubclass(form, Enum):
        return st.sampled_from(form)
    assert isinstance(form, type)
    assert is_dataclass(form)
    hints = get_type_hints(form, include_extras=True)
    return st.builds(form, **{f.name: records(hints[f.name]) for f in fields(form)} | _TOGETHER.get(form, {}))


def _within(kind: type, bounds: Bounds) -> st.SearchStrategy[object]:
    if kind is int:
        return st.integers(int(bounds.low), int(bounds.high))
    numbers = st.floats(bounds.low, bounds.high)
    return numbers | st.just(float("nan")) if bounds.nan else numbers
