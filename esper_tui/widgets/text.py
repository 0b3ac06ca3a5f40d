"""Styled lines, which panels are made of. No Textual here: a panel's contents are plain functions with plain tests.

Text is data and never parsed as markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rich.cells import cell_len, set_cell_size

from esper_tui.state.rules import Level

BLOCKS: Final = "▁▂▃▄▅▆▇█"


class Role(StrEnum):
    """What a piece of text is; the style sheet decides how that looks."""

    TEXT = "text"
    DIM = "dim"
    STRONG = "strong"
    LABEL = "label"
    GOOD = "good"
    WARNING = "warning"
    CRITICAL = "critical"
    ACCENT = "accent"
    BAR = "bar"
    TRAINING = "training"


LEVEL_ROLES: Final[dict[Level, Role]] = {
    Level.FINE: Role.TEXT,
    Level.WARNING: Role.WARNING,
    Level.CRITICAL: Role.CRITICAL,
}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one role."""

    text: str
    role: Role = Role.TEXT


Line = tuple[Span, ...]
"""One row of a panel."""

EMPTY: Final[Line] = ()


def line(*pieces: Span | str) -> Line:
    """A line of pieces; plain strings are ordinary text."""
    return tuple(Span(piece) if isinstance(piece, str) else piece for piece in pieces if piece != "")


def dim(text: str) -> Span:
    return Span(text, Role.DIM)


def label(text: str) -> Span:
    return Span(text, Role.LABEL)


def strong(text: str) -> Span:
    return Span(text, Role.STRONG)


def width_of(pieces: Line) -> int:
    """Terminal cells that a line takes."""
    return sum(cell_len(span.text) for span in pieces)


def plain(pieces: Line) -> str:
    """A line without its roles."""
    return "".join(span.text for span in pieces)


def printable(text: str) -> str:
    """The text with a space for each control character, so that data cannot steer the terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def cut(text: str, width: int) -> str:
    """The text in at most width cells, with … where something is missing; control characters become spaces.

    >>> cut("attention", 5)
    'atte…'
    """
    clean = printable(text)
    if cell_len(clean) <= width:
        return clean
    return set_cell_size(clean, width - 1) + "…" if width > 1 else "…"[:width]


def pad(text: str, width: int) -> str:
    """The text in exactly width cells, cut or filled at the right."""
    return set_cell_size(cut(text, width), width)


def pad_left(text: str, width: int) -> str:
    """The text in exactly width cells, filled at the left."""
    shortened = cut(text, width)
    return " " * (width - cell_len(shortened)) + shortened


def cut_line(pieces: Line, width: int) -> Line:
    """A line in at most width cells, of printable characters."""
    kept: list[Span] = []
    left = width
    for span in pieces:
        text = printable(span.text)
        size = cell_len(text)
        if size > left:
            kept.append(Span(cut(text, left), span.role))
            break
        kept.append(span if text is span.text else Span(text, span.role))
        left -= size
    return tuple(kept)


def spread(left: Line, right: Line, width: int) -> Line:
    """Left and right at the two ends of a row; the left part gives way."""
    room = max(0, width - width_of(right) - 1)
    start = cut_line(left, room)
    gap = max(0, width - width_of(start) - width_of(right))
    return (*start, Span(" " * gap), *right)


def wrap(pieces: Iterable[Span], width: int, gap: str = "  ") -> list[Line]:
    """Pieces laid out in as many rows as they need, never broken inside a piece."""
    rows: list[Line] = []
    row: list[Span] = []
    used = 0
    for span in pieces:
        size = cell_len(span.text)
        if row and used + len(gap) + size > width:
            rows.append(tuple(row))
            row, used = [], 0
        if row:
            row.append(Span(gap))
            used += len(gap)
        row.append(Span(cut(span.text, width), span.role))
        used += size
    if row:
        rows.append(tuple(row))
    return rows


def sparkline(values: Sequence[float | None], width: int, low: float, high: float) -> str:
    """The newest values as blocks between low and high, right-aligned; × is a value that is no number, · a missing one.

    >>> sparkline([0.0, 50.0, 100.0], 4, 0.0, 100.0)
    ' ▁▅█'
    """
    span = high - low
    cells: list[str] = []
    for value in values[-width:] if width else ():
        if value is None:
            cells.append("·")
        elif not math.isfinite(value):
            cells.append("×")
        else:
            share = (value - low) / span if span > 0 else 0.5
            cells.append(BLOCKS[min(len(BLOCKS) - 1, max(0, int(share * (len(BLOCKS) - 1) + 0.5)))])
    return "".join(cells).rjust(width)


def own_scale(values: Iterable[float | None]) -> tuple[float, float]:
    """Lowest and highest finite value; (0, 0) without any."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (0.0, 0.0)


def meter(share: float, width: int) -> str:
    """A progress bar.

    >>> meter(0.5, 4)
    '▓▓░░'
    """
    filled = min(width, max(0, round(share * width)))
    return "▓" * filled + "░" * (width - filled)
