"""A grid of styled cells, on which charts and timelines are drawn; curves are made of braille dots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from esper_tui.widgets.text import Line, Role, Span

BRAILLE: Final = 0x2800
DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille cell, by row and column."""


class Canvas:
    """Cells outside are ignored, so that drawing needs no clipping."""

    def __init__(self, width: int, height: int) -> None:
        self.width = max(0, width)
        self.height = max(0, height)
        self._texts = [[" "] * self.width for _ in range(self.height)]
        self._roles = [[Role.TEXT] * self.width for _ in range(self.height)]

    def put(self, x: int, y: int, text: str, role: Role = Role.TEXT) -> None:
        """Write text of one-cell characters from x on."""
        if not 0 <= y < self.height:
            return
        for offset, character in enumerate(text):
            if 0 <= x + offset < self.width:
                self._texts[y][x + offset] = character
                self._roles[y][x + offset] = role

    def put_where_blank(self, x: int, y: int, character: str, role: Role) -> None:
        """Write a character unless something is there."""
        if 0 <= y < self.height and 0 <= x < self.width and self._texts[y][x] == " ":
            self.put(x, y, character, role)

    def mark(self, x: int, y: int, role: Role) -> None:
        """Change how a cell looks, and not what is in it."""
        if 0 <= y < self.height and 0 <= x < self.width:
            self._roles[y][x] = role

    def dot(self, x: int, y: int, role: Role) -> None:
        """Set a braille dot, in units of half a cell across and a quarter down; dots of several curves share a cell."""
        column, row = x // 2, y // 4
        if not (0 <= column < self.width and 0 <= row < self.height):
            return
        old = ord(self._texts[row][column])
        bits = old - BRAILLE if BRAILLE <= old < BRAILLE + 256 else 0
        self._texts[row][column] = chr(BRAILLE + (bits | DOTS[y % 4][x % 2]))
        self._roles[row][column] = role

    def curve(self, points: Sequence[tuple[float, float]], role: Role) -> None:
        """Connect points given in dots; a point that is no number breaks the curve."""
        last: tuple[float, float] | None = None
        for point in points:
            if not (math.isfinite(point[0]) and math.isfinite(point[1])):
                last = None
                continue
            self._segment(last or point, point, role)
            last = point

    def _segment(self, start: tuple[float, float], end: tuple[float, float], role: Role) -> None:
        steps = max(1, math.ceil(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
        for step in range(steps + 1):
            share = step / steps
            x = start[0] + (end[0] - start[0]) * share
            y = start[1] + (end[1] - start[1]) * share
            self.dot(round(x), round(y), role)

    def lines(self) -> list[Line]:
        """The rows, neighbouring cells of one role joined."""
        return [_joined(texts, roles) for texts, roles in zip(self._texts, self._roles, strict=True)]


def _joined(texts: Sequence[str], roles: Sequence[Role]) -> Line:
    spans: list[Span] = []
    start = 0
    for role, cells in groupby(roles):
        end = start + sum(1 for _ in cells)
        spans.append(Span("".join(texts[start:end]), role))
        start = end
    return tuple(spans)
