"""The env table: one row per env, those that need attention first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from esper_tui.sources.base import Frame
from esper_tui.state.metrics import MISSING, format_fitted, format_number
from esper_tui.state.rules import LEVEL_SIGNS, Level
from esper_tui.state.snapshot import CockpitSnapshot, EnvRow, EnvStatus
from esper_tui.widgets.figure_panel import Focus
from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.text import (
    LEVEL_ROLES,
    Line,
    Role,
    Span,
    dim,
    label,
    line,
    own_scale,
    pad,
    pad_left,
    sparkline,
)
from esper_tui.widgets.vocabulary import short_op, slot_cell

FIXED_WIDTH: Final = 1 + 2 + 4 + 1 + 5 + 1 + 5 + 1 + 1 + 6 + 1 + 5 + 1 + 5
"""Cells of a row apart from env number, trend and slots, gaps included."""

LONGEST_GROUP: Final = 6
SLOT_WIDTHS: Final = (11, 5, 1)
TREND_WIDTHS: Final = (6, 24)
STATUS_ROLES: Final[dict[EnvStatus, Role]] = {
    EnvStatus.UP: Role.GOOD,
    EnvStatus.DONE: Role.DIM,
    EnvStatus.WAITING: Role.DIM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """How a row is laid out in a given width.

    group: cells of the policy group's name, its gap included; 0 in a run with one group.
    scale: lowest and highest accuracy of every row's trend.
    """

    group: int
    env: int
    slot: int
    trend: int
    scale: tuple[float, float]


def choose_columns(rows: Sequence[EnvRow], slots: int, width: int) -> Columns:
    """The widest slot cells that leave room for a trend; what is left over makes the trend longer."""
    names = {row.episode.group_id for row in rows}
    group = min(LONGEST_GROUP, max(len("grp "), *map(len, names))) + 1 if len(names) > 1 else 0
    env = max(2, len(str(max((row.env_id for row in rows), default=0))))
    low, high = own_scale(value for row in rows for value in row.trend)
    scale = (low // 10 * 10.0, -(-high // 10) * 10.0)
    room = width - FIXED_WIDTH - env - group
    slot = next((size for size in SLOT_WIDTHS if slots * (size + (size > 1)) + TREND_WIDTHS[0] <= room), 1)
    trend = room - slots * (slot + (slot > 1))
    return Columns(group=group, env=env, slot=slot, trend=min(max(trend, 0), TREND_WIDTHS[1]), scale=scale)


def title_line(slot_ids: Sequence[str], columns: Columns) -> Line:
    """The column titles."""
    low, high = columns.scale
    scale = f"{low:.0f}–{high:.0f}" if high > low else ""
    trend = f"trend {scale} %" if columns.trend >= 14 or not scale else scale
    gap = " " if columns.slot > 1 else ""
    slots = gap.join(pad(slot_id, columns.slot) for slot_id in slot_ids) if columns.slot > 1 else "s" * len(slot_ids)
    group = f" {pad('grp', columns.group - 1)}" if columns.group else ""
    text = f" {group}{pad_left('env', columns.env + 1)} {pad('stat', 4)} {'acc%':>5} {'Δ10':>5} "
    return (label(f"{text}{pad(trend, columns.trend)} {'return':>6} {slots}{gap or ' '}{'×host':>5} {'op':4}"),)


def row_line(row: EnvRow, columns: Columns, *, is_pinned: bool = False) -> Line:
    """One env's cells, after the cursor's column."""
    delta_role = Role.DIM if row.delta10 is None or abs(row.delta10) <= 0.5 else Role.TEXT
    gap = " " if columns.slot > 1 else ""
    slots: list[Span] = []
    for slot in row.slots:
        slots += [slot_cell(slot, columns.slot), Span(gap)] if gap else [slot_cell(slot, columns.slot)]
    level = LEVEL_ROLES[row.level]
    status = level if row.level is not Level.FINE else STATUS_ROLES.get(row.status, Role.TEXT)
    return line(
        Span(LEVEL_SIGNS[row.level], level),
        Span("*" if is_pinned else " ", Role.ACCENT),
        label(pad(row.episode.group_id, columns.group - 1) + " ") if columns.group else "",
        f"{row.env_id:0{columns.env}d} ",
        Span(f"{row.status.value:4} ", status),
        _number(row.accuracy, 5, 1),
        " ",
        Span(pad_left(format_number(row.delta10, 1, signed=True), 5), delta_role),
        " ",
        Span(sparkline(row.trend, columns.trend, *columns.scale), Role.BAR),
        " ",
        _number(row.episode_return, 6, 2, signed=True),
        " ",
        *slots,
        "" if gap else " ",
        _number(row.growth, 5, 2),
        " ",
        _op(row),
    )


def _number(value: float | None, width: int, decimals: int, *, signed: bool = False) -> Span:
    text = pad_left(format_fitted(value, width, decimals, signed=signed), width)
    return Span(text, Role.DIM if value is None else Role.TEXT)


def _op(row: EnvRow) -> Span:
    decision = row.decision
    if decision is None:
        return dim(pad(MISSING, 4))
    word = short_op(decision.op)
    if decision.by_operator:
        return Span(pad(word.lower(), 4), Role.ACCENT)
    if not decision.success:
        return Span(f"{word}!", Role.LABEL)
    return Span(pad(word, 4), Role.DIM if decision.op == "WAIT" else Role.TEXT)


class EnvTable(LineTable):
    """The main table. An env's line is made again only when the env or the layout changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[Frame, Focus] | None = None
        self._columns: Columns | None = None
        self._made: dict[int, tuple[EnvRow, bool, Line]] = {}

    def show_frame(self, frame: Frame, focus: Focus) -> None:
        """Bring the table up to date; the cursor stays on its env."""
        self._shown = (frame, focus)
        if not self.display or not self.size.height:
            return
        snapshot = frame.snapshot
        rows = focus.order.sorted(focus.filter.rows(snapshot.envs))
        chosen = "" if focus.filter.is_empty else f" · {len(rows)} of {len(snapshot.envs)} fit {focus.filter.text}"
        self.set_title(f"ENVS {len(snapshot.envs)} · {focus.order.words}{chosen}", "s sort · / filter")
        self._show_rows(snapshot, rows, focus)

    def _show_rows(self, snapshot: CockpitSnapshot, rows: Sequence[EnvRow], focus: Focus) -> None:
        slot_ids = snapshot.run.slot_ids if snapshot.run else ()
        columns = choose_columns(rows, len(slot_ids), self.size.width - 1)
        if columns != self._columns:
            self._columns = columns
            self._made.clear()
        if not rows:
            words = "no env fits the filter: \\ shows all" if snapshot.envs else "waiting for the run's first event"
            self.show([(dim(f" {words}"),)])
            return

        def cells(place: int) -> Line:
            row = rows[place]
            return self._line(row, columns, row.env_id in focus.order.pinned)

        self.show_rows(title_line(slot_ids, columns), [row.env_id for row in rows], cells)

    def resized(self) -> None:
        if self._shown is not None:
            self.show_frame(*self._shown)

    def _line(self, row: EnvRow, columns: Columns, is_pinned: bool) -> Line:
        made = self._made.get(row.env_id)
        if made is None or made[0] is not row or made[1] is not is_pinned:
            made = self._made[row.env_id] = (row, is_pinned, row_line(row, columns, is_pinned=is_pinned))
        return made[2]
