"""What is said about a machine that others use too."""

from __future__ import annotations

from esper.contracts import processors


def test_a_busy_machine_is_named_with_its_load() -> None:
    assert processors.busy_note(2.9, 2) is None
    note = processors.busy_note(6.25, 2)
    assert note is not None
    assert "6.2 processes want its 2 processors" in note
