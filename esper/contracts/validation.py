"""Checks that config dataclasses share. Each raises ConfigError naming field, value and remedy."""

from __future__ import annotations

from collections.abc import Iterable

from esper.errors import ConfigError


def require_positive(owner: str, **values: float) -> None:
    """Every value must be above zero."""
    for name, value in values.items():
        if not value > 0:
            raise ConfigError(f"{owner}.{name} is {value!r}: it must be above 0")


def require_non_negative(owner: str, **values: float) -> None:
    """Every value must be zero or more."""
    for name, value in values.items():
        if not value >= 0:
            raise ConfigError(f"{owner}.{name} is {value!r}: it must be 0 or more")


def require_fraction(owner: str, **values: float) -> None:
    """Every value must lie in 0..1, both ends allowed."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{owner}.{name} is {value!r}: it must lie between 0 and 1")


def require_one_of(owner: str, choices: Iterable[str], **values: str) -> None:
    """Every value must be one of choices."""
    allowed = tuple(choices)
    for name, value in values.items():
        if value not in allowed:
            raise ConfigError(f"{owner}.{name} is {value!r}: choose one of {', '.join(allowed)}")
