"""Slots: the named places between host segments where a seed can grow."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SLOT_ID = re.compile(r"r(\d+)c(\d+)")


def slot_id(row: int, column: int) -> str:
    """The id of a slot, for example r0c1 (row 0, after host segment 1)."""
    return f"r{row}c{column}"


def parse_slot_id(text: str) -> tuple[int, int]:
    """The row and the column of a slot id.

    >>> parse_slot_id("r0c2")
    (0, 2)

    Raises:
        ValueError: text is not of the form r<row>c<column>.
    """
    match = _SLOT_ID.fullmatch(text)
    if match is None:
        raise ValueError(f"slot id {text!r} is not of the form r<row>c<column>, for example r0c1")
    return int(match[1]), int(match[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotConfig:
    """The slots of a host: their ids in row-major order, and the channel width at each of them.

    Raises:
        ValueError: no slot, a malformed or repeated id, ids out of row-major order, or a width that is not positive.
    """

    slot_ids: tuple[str, ...]
    channels: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.slot_ids:
            raise ValueError("slot_ids is empty: name at least one slot, for example r0c0")
        if len(self.slot_ids) != len(self.channels):
            raise ValueError(
                f"channels has {len(self.channels)} entries for {len(self.slot_ids)} slots: give one width per slot"
            )
        positions = [parse_slot_id(text) for text in self.slot_ids]
        if len(set(positions)) != len(positions):
            raise ValueError(f"slot_ids {list(self.slot_ids)} repeats a slot: each id may occur once")
        if positions != sorted(positions):
            raise ValueError(f"slot_ids {list(self.slot_ids)} is not in row-major order: sort by row, then column")
        if any(width <= 0 for width in self.channels):
            raise ValueError(f"channels {list(self.channels)} must all be positive")

    @property
    def num_slots(self) -> int:
        return len(self.slot_ids)

    def index(self, slot: str) -> int:
        """The position of a slot id in this configuration.

        Raises:
            ValueError: the host has no such slot.
        """
        if slot not in self.slot_ids:
            raise ValueError(f"slot {slot!r} does not exist: this host has {', '.join(self.slot_ids)}")
        return self.slot_ids.index(slot)
