"""The processors that a process may use, and what is said of a busy machine."""

from __future__ import annotations

import os

import pytest

from esper.fleet import processors


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000\n", None), ("200000 100000\n", 2), ("150000 100000\n", 2), ("10000 100000\n", 1)],
)
def test_a_container_grants_whole_processors(limit: str, expected: int | None) -> None:
    assert processors.granted(limit) == expected


def test_no_more_processors_are_used_than_the_process_may_run_on() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert processors.usable_processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_busy_machine_is_named_with_its_load() -> None:
    assert processors.busy_note(2.9, 2) is None
    note = processors.busy_note(6.25, 2)
    assert note is not None
    assert "6.2 processes want its 2 processors" in note
