"""Two to four pinned envs side by side: their timelines below each other on one axis, with what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from esper_tui.screens.sizing import CockpitModal
from esper_tui.state.metrics import format_number
from esper_tui.state.snapshot import EnvRow
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import Line, label, line, strong
from esper_tui.widgets.timeline import timeline_lines

MOST: int = 4


def compare_lines(rows: Sequence[EnvRow], width: int, height: int) -> list[Line]:
    """A headline and a timeline an env, equally high."""
    room = max(6, height // max(1, len(rows)) - 1)
    lines: list[Line] = []
    for row in rows:
        best, now = format_number(row.best_accuracy, 1), format_number(row.accuracy, 1)
        total = format_number(row.episode_return, 1, signed=True)
        growth = format_number(row.growth, 2)
        figures = f"  {row.status.value}  acc {now} %  best {best} %  return {total}  ×{growth}"
        lines.append(line(strong(f"env {row.env_id:02d}"), label(figures)))
        lines += timeline_lines(row.episode, width, room)
    return lines


class CompareScreen(CockpitModal[None]):
    """The picture of the moment in which it was opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,c", "dismiss", "close")]

    def __init__(self, rows: Sequence[EnvRow]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        with Vertical(id="alert-list", classes="dialog") as dialog:
            dialog.border_title = "COMPARE " + " · ".join(f"env {row.env_id:02d}" for row in self._rows)
            dialog.border_subtitle = "Esc close"
            yield LinePanel(id="compare")

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        panel = self.query_one(LinePanel)
        panel.show(compare_lines(self._rows, panel.size.width, panel.size.height))
