"""What a key of the cockpit is, how it is written, and how a user puts it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from esper.errors import ConfigError


class Where(StrEnum):
    """In which kind of source a key acts. A run that goes on is live, whichever process trains it."""

    EVERYWHERE = "everywhere"
    LIVE = "live"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One binding.

    name: what the config file calls it; no two keys share one.
    keys: Textual's names, comma-separated.
    shown: how the key is written in the footer.
    words: the footer's and the palette's words; empty where another key speaks for it.
    screens: where it acts; empty for every screen.
    changes_run: whether it asks the trainer for something; a read-only cockpit leaves such keys out.
    writes: whether it writes a file on this machine; a cockpit in a browser leaves such keys out.
    """

    name: str
    keys: str
    shown: str
    action: str
    words: str
    help: str
    where: Where = Where.EVERYWHERE
    screens: tuple[str, ...] = ()
    footer: bool = False
    priority: bool = False
    changes_run: bool = False
    writes: bool = False


def row(
    name: str,
    keys: str,
    shown: str,
    action: str,
    words: str,
    help: str,
    *,
    where: Where = Where.EVERYWHERE,
    screens: tuple[str, ...] = (),
    footer: bool = False,
    priority: bool = False,
    changes_run: bool = False,
    writes: bool = False,
) -> Key:
    """A row of the table, in its columns' order."""
    return Key(
        name=name,
        keys=keys,
        shown=shown,
        action=action,
        words=words,
        help=help,
        where=where,
        screens=screens,
        footer=footer,
        priority=priority,
        changes_run=changes_run,
        writes=writes,
    )


WRITTEN: Final = {
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "plus": "+",
    "equals_sign": "=",
    "question_mark": "?",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "slash": "/",
    "backslash": "\\",
    "asterisk": "*",
    "comma": ",",
    "full_stop": ".",
    "colon": ":",
    "apostrophe": "'",
}


def written(key: Key) -> str:
    """A key's names as people write them, for example "+ or ="."""
    return " or ".join(WRITTEN.get(name, name) for name in key.keys.split(","))


def written_first(key: Key) -> str:
    """How the footer writes a key."""
    return WRITTEN.get(key.shown, key.shown)


def remapped(changes: Mapping[str, str], table: tuple[Key, ...]) -> tuple[Key, ...]:
    """The table with other keys, given by the names of its rows.

    Raises:
        ConfigError: a name is not in the table, or two rows that can meet on a screen want the same key.
    """
    names = {key.name for key in table}
    for name in changes:
        if name not in names:
            raise ConfigError(f"keys.{name}: there is no such key; the names are {', '.join(sorted(names))}")
    result = tuple(
        replace(key, keys=changes[key.name], shown=changes[key.name]) if key.name in changes else key for key in table
    )
    for index, first in enumerate(result):
        for second in result[index + 1 :]:
            shared = set(first.keys.split(",")) & set(second.keys.split(","))
            if shared and _can_meet(first, second):
                raise ConfigError(f"keys: {first.name} and {second.name} both want {', '.join(sorted(shared))}")
    return result


def _can_meet(first: Key, second: Key) -> bool:
    same_source = Where.EVERYWHERE in (first.where, second.where) or first.where is second.where
    return same_source and (not first.screens or not second.screens or bool(set(first.screens) & set(second.screens)))
