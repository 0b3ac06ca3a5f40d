"""The kinds of seed modules by name and number: Esper's own, and any number of others that plug-ins declare.

A number is an index of the controller's blueprint head and of the policy's embedding. Numbers of declared blueprints
follow Esper's own in the order of their declaration, so a process without plug-ins has the same heads as ever.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from esper.errors import ConfigError

_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_FIRST_RECORDED: Final = 1_000_000


class Blueprint(IntEnum):
    """The kinds of seed module. NOOP exists for the head's indexing and is always masked out.

    Blueprints that plug-ins declare are values of this type too: Blueprint(13), for example. Iterating over the class
    gives Esper's own only; every_blueprint() gives all.
    """

    NOOP = 0
    CONV_LIGHT = 1
    ATTENTION = 2
    NORM = 3
    DEPTHWISE = 4
    BOTTLENECK = 5
    CONV_SMALL = 6
    CONV_HEAVY = 7
    LORA = 8
    LORA_LARGE = 9
    MLP_SMALL = 10
    MLP = 11
    FLEX_ATTENTION = 12

    @classmethod
    def _missing_(cls, value: object) -> Blueprint | None:
        return next((member for member in (*_declared.values(), *_recorded.values()) if member.value == value), None)


_declared: Final[dict[str, Blueprint]] = {}
"""What plug-ins added, by name."""
_recorded: Final[dict[str, Blueprint]] = {}
"""Names that were read in a record and that nobody declared here. They can be shown, and are no choice of any head."""


def declare_blueprint(name: str) -> Blueprint:
    """A new blueprint of this name, with the next number.

    Raises:
        ConfigError: the name is taken, or is not made of letters, digits and underscores.
    """
    upper = name.upper()
    if not _NAME.fullmatch(upper):
        raise ConfigError(
            f"blueprint {name!r} needs another name: at most 40 letters, digits and underscores, a letter first"
        )
    if find_blueprint(upper) is not None:
        raise ConfigError(f"blueprint {upper} is already there: choose another name")
    _declared[upper] = _member(upper, blueprint_count())
    return _declared[upper]


def every_blueprint() -> tuple[Blueprint, ...]:
    """All blueprints of this process, NOOP included, in the order of their numbers."""
    return (*Blueprint, *_declared.values())


def blueprint_count() -> int:
    """The number of choices of the blueprint head."""
    return len(Blueprint) + len(_declared)


def declared_blueprints() -> tuple[str, ...]:
    """The names that plug-ins declared, in the order of their numbers."""
    return tuple(_declared)


def find_blueprint(name: str) -> Blueprint | None:
    """The blueprint of that name, in capitals or not; None if there is none in this process."""
    upper = name.upper()
    return Blueprint.__members__.get(upper, _declared.get(upper))


def recorded_blueprint(name: str) -> Blueprint | None:
    """The blueprint that a record names, whether or not a plug-in of this process declares it.

    None if it cannot be the name of one.
    """
    if not _NAME.fullmatch(name):
        return None
    known = find_blueprint(name)
    if known is None and name not in _recorded:
        _recorded[name] = _member(name, _FIRST_RECORDED + len(_recorded))
    return _recorded[name] if known is None else known


def _member(name: str, number: int) -> Blueprint:
    """A member that the class statement does not list, as enum makes them for combined flags."""
    member = int.__new__(Blueprint, number)
    member._name_ = name
    member._value_ = number
    return member
