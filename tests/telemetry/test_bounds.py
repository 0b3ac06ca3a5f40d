"""Every number of a recording has a range, as wide as the settings allow a run to be."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import pytest

from esper.errors import ConfigError
from esper.telemetry.bounds import MOST_BATCHES, MOST_EPOCHS
from esper.telemetry.events import Event
from esper.training.checkpoint_records import CheckpointManifest
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec, check_groups
from esper.training.vectorized_types import BatchSummary


def bounded_fields(form: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every number of a record and of the records in it: its path, and its type with the bounds."""
    if form in (int, float) or get_origin(form) is Annotated:
        yield path, form
    elif get_origin(form) in (types.UnionType, Union, tuple):
        for part in get_args(form):
            yield from bounded_fields(part, path)
    elif isinstance(form, type) and is_dataclass(form):
        hints = get_type_hints(form, include_extras=True)
        for item in fields(form):
            yield from bounded_fields(hints[item.name], f"{path}.{item.name}")


NUMBERS = [
    (path, form)
    for record in (Event, BatchSummary, CheckpointManifest)
    for path, form in bounded_fields(record, record.__name__)
    if ".config." not in path  # Settings have ranges of their own.
]


def test_every_integer_has_bounds() -> None:
    assert len(NUMBERS) > 150
    assert [path for path, form in NUMBERS if form is int] == []


@pytest.mark.parametrize("ending", ["time", "_ms", "milliseconds", "_seconds", "_accuracy", "_share", "probability"])
def test_every_time_and_share_has_bounds(ending: str) -> None:
    found = [form for path, form in NUMBERS if path.endswith(ending)]
    assert found
    assert float not in found


def test_bounds_hold_all_that_the_settings_allow() -> None:
    """A run of the largest settings must be able to read its own log."""
    largest = TrainingConfig()
    largest = replace(
        largest,
        fleet=replace(largest.fleet, envs=65_536, episode_length=MOST_EPOCHS),
        run=replace(largest.run, rounds=MOST_BATCHES),
    )
    check_groups([GroupSpec(config=largest, group_id=name) for name in "AB"])
    with pytest.raises(ConfigError, match="3 groups of 65,536 envs are more than 131,072: lower"):
        check_groups([GroupSpec(config=largest, group_id=name) for name in "ABC"])
    for key, value in (("envs", 65_537), ("episode_length", MOST_EPOCHS + 1)):
        with pytest.raises(ConfigError):
            replace(largest.fleet, **{key: value})
