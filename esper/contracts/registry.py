"""Parts by name: one table a kind, one message for a taken name, one "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Generic, TypeVar

from esper.contracts.settings import shown
from esper.errors import ConfigError

Part = TypeVar("Part")


def nearest(name: str, names: Iterable[str]) -> str:
    """What to choose instead of a name that does not exist.

    >>> nearest("heuristc", ["heuristic", "static"])
    'did you mean heuristic?'
    >>> nearest("forest", ["transformer", "cnn"])
    'choose cnn or transformer'
    >>> nearest("tensorboard", [])
    'none is registered: name the module that registers it as a plug-in'
    """
    known = sorted(names)
    if not known:
        return "none is registered: name the module that registers it as a plug-in"
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"choose {' or '.join(known)}"


class Registry(Generic[Part]):
    """Parts of one kind by name."""

    def __init__(self, kind: str, key: str) -> None:
        """An empty registry.

        kind: what a part is called in messages, for example "task".
        key: the setting or option that names one, for example "task.name".
        """
        self._kind = kind
        self._key = key
        self._parts: dict[str, Part] = {}

    def add(self, name: str, part: Part) -> None:
        """Make a part available by name.

        Raises:
            ConfigError: the name is taken.
        """
        if name in self._parts:
            raise ConfigError(f"{self._kind} {name!r} is already registered: choose another name")
        self._parts[name] = part

    def find(self, name: str) -> Part:
        """The part of that name.

        Raises:
            ConfigError: there is none; the message offers the nearest names.
        """
        if name not in self._parts:
            hint = nearest(name, self._parts)
            raise ConfigError(f"{self._key} is {shown(name)}: there is no such {self._kind}; {hint}")
        return self._parts[name]

    def names(self) -> tuple[str, ...]:
        """Every name, in the order of the alphabet."""
        return tuple(sorted(self._parts))

    def parts(self) -> tuple[Part, ...]:
        """Every part, in the order of the names."""
        return tuple(self._parts[name] for name in self.names())
