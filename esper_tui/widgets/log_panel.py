"""The event log: newest last, following until the reader scrolls up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from textual.events import MouseScrollDown, MouseScrollUp

from esper_tui.sources.base import Frame
from esper_tui.state.rules import LEVEL_SIGNS, Level
from esper_tui.state.snapshot import LogLine
from esper_tui.widgets.figure_panel import Focus
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import LEVEL_ROLES, Line, Role, Span, dim, label, line, pad

WORD_ROLES: Final[dict[str, Role]] = {
    "KEPT": Role.GOOD,
    "round": Role.STRONG,
    "update": Role.LABEL,
    "refused": Role.DIM,
}


def log_line(entry: LogLine) -> Line:
    """One event: clock, round, epoch, env, a word, and what happened."""
    clock = time.strftime("%H:%M:%S", time.localtime(entry.time))
    batch = f"r{entry.batch}" if entry.batch is not None else ""
    epoch = f"e{entry.epoch:03d}" if entry.epoch is not None else ""
    env = f"env{entry.env_id:02d}" if entry.env_id is not None else ""
    fine = entry.level is Level.FINE
    role = WORD_ROLES.get(entry.word, Role.ACCENT) if fine else LEVEL_ROLES[entry.level]
    return line(
        dim(f"{clock} {batch:4} {epoch:4} "),
        label(f"{env:5} "),
        Span(f"{LEVEL_SIGNS[entry.level]}{pad(entry.word, 9)} ", role),
        Span(entry.text, Role.TEXT if fine else LEVEL_ROLES[entry.level]),
    )


class LogPanel(LinePanel, can_focus=True):
    """Shows as many of the newest lines as fit, or older ones after scroll()."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: Sequence[LogLine] = ()
        self._bottom_seq: int | None = None
        self._shown: tuple[Frame, Focus] | None = None

    @property
    def following(self) -> bool:
        """The newest line is in sight."""
        return self._bottom_seq is None

    def show_frame(self, frame: Frame, focus: Focus) -> None:
        """Bring the panel up to date; one without a size draws when it is given one."""
        self._shown = (frame, focus)
        if self.display and self.size.height:
            entries = focus.filter.lines(frame.snapshot.log)
            following = "following" if self.following else "held"
            chosen = "" if focus.filter.is_empty else f" · filter {focus.filter.text}: {len(entries)}"
            self.set_title(f"EVENTS · {following}{chosen}", f"{frame.snapshot.folded:,} step events folded · 5")
            self.show_log(entries)

    def show_log(self, entries: Sequence[LogLine]) -> None:
        self._entries = entries
        self._redraw()

    def scroll_lines(self, lines: int) -> None:
        """Move towards newer (positive) or older lines; at the newest, follow again."""
        if not self._entries:
            return
        lowest = min(self.size.height, len(self._entries)) - 1
        target = max(self._bottom_index() + lines, lowest)
        self._bottom_seq = self._entries[target].seq if target < len(self._entries) - 1 else None
        self._redraw()

    def _bottom_index(self) -> int:
        """Index of the lowest line in sight; the lines that were dropped from the log's start are not missed."""
        if self._bottom_seq is None:
            return len(self._entries) - 1
        return max((i for i, entry in enumerate(self._entries) if entry.seq <= self._bottom_seq), default=0)

    def _redraw(self) -> None:
        if not self._entries:
            self.show([dim_line(" nothing has happened yet")])
            return
        bottom, height = self._bottom_index(), self.size.height
        newer = len(self._entries) - 1 - bottom
        rows = height - 1 if newer else height
        shown = [log_line(entry) for entry in self._entries[max(0, bottom + 1 - rows) : bottom + 1]]
        self.show([*shown, (Span(f" +{newer} newer · End follows again", Role.WARNING),)] if newer else shown)

    def resized(self) -> None:
        if self._shown is not None:
            self.show_frame(*self._shown)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-1)


def dim_line(text: str) -> Line:
    return (dim(text),)
