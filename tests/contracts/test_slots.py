"""Slot ids and the order of slots."""

from __future__ import annotations

from typing import Any

import pytest

from esper.contracts.slots import SlotConfig, parse_slot_id, slot_id


def test_ids_go_both_ways() -> None:
    assert slot_id(0, 12) == "r0c12"
    assert parse_slot_id(slot_id(3, 4)) == (3, 4)


@pytest.mark.parametrize("text", ["", "r0", "c1r0", "r0c", "r-1c0", "r0c1 ", "R0C1"])
def test_malformed_ids_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="r<row>c<column>"):
        parse_slot_id(text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"slot_ids": (), "channels": ()}, "empty"),
        ({"slot_ids": ("r0c0",), "channels": (8, 16)}, "one width per slot"),
        ({"slot_ids": ("r0c0", "r0c0"), "channels": (8, 8)}, "repeats"),
        ({"slot_ids": ("r0c1", "r0c0"), "channels": (8, 8)}, "row-major"),
        ({"slot_ids": ("r0c10", "r0c9"), "channels": (8, 8)}, "row-major"),
        ({"slot_ids": ("r0c0",), "channels": (0,)}, "positive"),
    ],
)
def test_a_wrong_slot_config_says_what_is_wrong(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SlotConfig(**values)


def test_order_is_by_number_and_index_finds_a_slot() -> None:
    config = SlotConfig(slot_ids=("r0c9", "r0c10", "r1c0"), channels=(8, 16, 32))
    assert config.num_slots == 3
    assert config.index("r0c10") == 1
    with pytest.raises(ValueError, match="r0c9, r0c10, r1c0"):
        config.index("r2c0")
