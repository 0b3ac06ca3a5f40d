"""JSON documents of events with other values: at the edge of what is allowed, beyond it, and of another kind."""

from __future__ import annotations

import random
from typing import Any, Final, cast

Tree = dict[str, object]

INTEGERS: Final = (0, 1, 2, -1, 7, 100, 65_535, 131_071, 131_072, 10**6, 10**9, 10**12, 2**53, 2**63 - 1, 10**30)
NUMBERS: Final = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    5e-324,
    1e-9,
    99.999,
    100.01,
    1e6,
    1e15,
    1e308,
    -1e308,
    "NaN",
    "Infinity",
    "-Infinity",
)
TEXTS: Final = (
    "",
    " ",
    "[red]x[/] [/b] [@click=quit]",
    "\x1b[2J\x07\r\n",
    "WAIT",
    "r0c0",
    "r999c999",
    "full_factorial",
    "漢字🙂e\u0301\u202e",
    "\ud800",
    "x" * 3000,
    "a b" * 200,
    "%s {0} {x}",
)
ANYTHING: Final = (None, True, [], {}, "3", 3, 0.5, [None])


def mutate(document: Tree, stream: random.Random, body: str = "payload") -> None:
    """Change one value of an event, in place.

    body: the field with what the event is about.
    """
    payload = document.get(body)
    place: Any = payload if isinstance(payload, dict) and stream.random() < 0.95 else document
    while place:
        key = stream.choice(sorted(place)) if isinstance(place, dict) else stream.randrange(len(place))
        old = place[key]
        if isinstance(old, dict | list) and old and stream.random() < 0.8:
            place = old
            continue
        if isinstance(place, dict) and stream.random() < 0.005:
            del place[key]
        else:
            place[key] = _other(old, stream)
        return


def _other(old: object, stream: random.Random) -> object:
    if stream.random() < 0.01:
        return stream.choice(ANYTHING)
    match old:
        case bool():
            return not old
        case int():
            return stream.choice((*INTEGERS, old + 1, old - 1, old * 10))
        case float():
            return stream.choice((*NUMBERS, old * 2, -old, old + 100.0))
        case str():
            return stream.choice((*TEXTS, old.lower(), old.upper()))
        case list():
            elements = cast("list[object]", old)
            return stream.choice(([], elements * 2, elements * 40, elements[::-1], elements[:1]))
        case _:
            return stream.choice((0, 0.0, 1.5, "NaN", "x", 10**6))
