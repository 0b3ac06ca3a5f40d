"""Injection points: the places in a host where seeds can grow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionSpec:
    """One injection point.

    slot_id: of the slot there. width: channels of the features there. position: share of the host's segments that
    are computed before it, above 0 and at most 1.
    """

    slot_id: str
    width: int
    position: float
