"""Where each panel goes at each size of the terminal: pure functions, so that they are tested without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MINIMUM: Final = (72, 20)
"""Columns and rows below which the cockpit only says that it needs more."""

WIDE: Final = 110
"""Columns from which the side column stands beside the table."""

TIMELINE_ROWS: Final = 11


@dataclass(frozen=True, slots=True)
class Box:
    """A panel's place in the body, borders included."""

    x: int
    y: int
    width: int
    height: int


Layout = dict[str, Box]


def column(panels: Sequence[tuple[str, int]], x: int, width: int, height: int) -> Layout:
    """Panels below each other; one of height 0 takes what the others leave, and what does not fit is left out."""
    fixed = sum(rows for _, rows in panels)
    layout: Layout = {}
    y = 0
    for name, rows in panels:
        wanted = rows or max(0, height - fixed)
        given = min(wanted, height - y)
        if given >= 3:
            layout[name] = Box(x, y, width, given)
            y += given
    return layout


def envs_layout(width: int, height: int, *, envs: int, front: int) -> Layout:
    """The main screen.

    front: which of the panels that share a place on small screens is up.
    """
    if width < WIDE or height < 26:
        return _folded_envs(width, height, envs, front)
    side = 38 if width < 150 else 46
    table = max(6, min(envs + 3, height // 2 - 2))
    timeline = max(TIMELINE_ROWS, (height - table) // 2 if height > 36 else TIMELINE_ROWS)
    left = column([("envs", table), ("timeline", timeline), ("log", 0)], 0, width - side, height)
    decision = TIMELINE_ROWS if height < 40 else 14
    right = column([("policy", TIMELINE_ROWS), ("decision", decision), ("fleet", 0)], width - side, side, height)
    return left | right


FOLDED: Final = ("log", "timeline", "decision", "policy", "fleet")


def _folded_envs(width: int, height: int, envs: int, front: int) -> Layout:
    """The table above; below it two of the other panels side by side, or one where that is too narrow."""
    below = max(8, min(14, height // 2)) if height >= 18 else height // 2
    table = min(envs + 3, height - below)
    below = height - table
    names = [FOLDED[(front + index) % len(FOLDED)] for index in range(2)]
    layout: Layout = {"envs": Box(0, 0, width, table)}
    if below >= 20:
        first = min(TIMELINE_ROWS, below // 2)
        return layout | {
            names[0]: Box(0, table, width, below - first),
            names[1]: Box(0, table + below - first, width, first),
        }
    return layout | {names[0]: Box(0, table, width, below)}


def detail_layout(width: int, height: int, *, front: int) -> Layout:
    """The env detail: timeline and decision at the left, reward and attribution at the right, history below."""
    if width < WIDE or height < 26:
        others = ("decision", "reward", "attribution", "history")
        timeline = max(8, height // 2)
        name = others[front % len(others)]
        return {"timeline": Box(0, 0, width, timeline), name: Box(0, timeline, width, height - timeline)}
    side = 38 if width < 150 else 46
    timeline = max(13, height * 2 // 5)
    decision = 11 if height < 40 else 14
    upper = timeline + decision
    left = column([("timeline", timeline), ("decision", decision)], 0, width - side, upper)
    right = column([("reward", timeline), ("attribution", decision)], width - side, side, upper)
    return left | right | {"history": Box(0, upper, width, height - upper)}


def tiles(names: Sequence[str], width: int, height: int, *, front: int, smallest: tuple[int, int]) -> Layout:
    """Panels of equal size in rows; when they would be smaller than that, only some are shown, from front on."""
    across = max(1, min(len(names), width // smallest[0]))
    down = max(1, min(-(-len(names) // across), height // smallest[1]))
    start = front % len(names) if across * down < len(names) else 0
    shown = [names[(start + index) % len(names)] for index in range(min(len(names), across * down))]
    layout: Layout = {}
    for index, name in enumerate(shown):
        row, place = divmod(index, across)
        last_row = row == -(-len(shown) // across) - 1
        in_row = len(shown) - row * across if last_row else across
        left, right = width * place // in_row, width * (place + 1) // in_row
        top, bottom = height * row // down, height * (row + 1) // down
        layout[name] = Box(left, top, right - left, bottom - top)
    return layout
