"""Injection points: the places in a host where seeds can grow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionPoint:
    """One place, with the id of its slot and the number of channels of the features there."""

    slot_id: str
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionSpec(InjectionPoint):
    """An injection point of a host.

    position: the share of the host's segments that are computed before it, from 0 to 1.
    """

    position: float
