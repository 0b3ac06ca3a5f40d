"""Why an op is not possible now: the reasons behind the action masks."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class IllegalReason(StrEnum):
    """Why an op is not possible on a slot. Members stand in the order in which they bring an op nearer to possible."""

    EMPTY = "empty"
    OCCUPIED = "occupied"
    AUTOMATIC = "automatic"
    STAGE = "stage"
    MAX_SEEDS = "max_seeds"
    INCUBATING = "incubating"
    TOO_YOUNG = "too_young"
    RAMPING = "ramping"
    GATE = "gate"

    @property
    def nearness(self) -> int:
        """The higher it is, the less the slot lacks."""
        return _NEARNESS[self]


_NEARNESS = {reason: place for place, reason in enumerate(IllegalReason)}


class Refusal(NamedTuple):
    """Why an op is not possible on a slot, as a reason and in plain words.

    It is a named tuple because many are made per decision, and a dataclass takes twice as long.
    """

    reason: IllegalReason
    words: str
