"""The base of most panels: lines made from a frame and from what the reader is looking at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.events import MouseScrollDown, MouseScrollUp

from esper_tui.sources.base import Frame
from esper_tui.state.choosing import BY_ATTENTION, NO_FILTER, Filter, Order
from esper_tui.state.episode import EpisodeView
from esper_tui.state.snapshot import EnvRow, GroupFigures
from esper_tui.widgets.chart import PLAIN_VIEW, ChartView
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import Line

ROOM: Final = 500
"""Rows that a panel may fill; what does not fit in sight is scrolled to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """What the reader is looking at.

    env_id: the env at the cursor.
    epoch: the timeline's cursor; None rides the newest host epoch.
    episode: a finished episode that was opened instead of the env's current one.
    previous: the round before is laid over the timeline.
    filter, order: of the env table; the filter's words also choose log lines.
    """

    env_id: int | None = None
    epoch: int | None = None
    episode: EpisodeView | None = None
    previous: bool = False
    filter: Filter = NO_FILTER
    order: Order = BY_ATTENTION
    view: ChartView = PLAIN_VIEW

    def row(self, frame: Frame) -> EnvRow | None:
        """The row of the env at the cursor."""
        return next((row for row in frame.snapshot.envs if row.env_id == self.env_id), None)

    def shown_episode(self, frame: Frame) -> EpisodeView | None:
        """The episode on screen."""
        if self.episode is not None:
            return self.episode
        row = self.row(frame)
        return row.episode if row else None

    def shown_epoch(self, frame: Frame) -> int | None:
        """The host epoch on screen; None before there is one."""
        episode = self.shown_episode(frame)
        if episode is None or not episode.epochs:
            return None
        return episode.last_epoch if self.epoch is None else min(max(self.epoch, 1), episode.last_epoch)

    def group(self, frame: Frame) -> GroupFigures:
        """The group that decides for the env at the cursor."""
        return frame.snapshot.group_of(self.env_id)


class FigurePanel(LinePanel, can_focus=True):
    """make() gives the lines; the panel scrolls them when there are more than fit."""

    TITLE: ClassVar = ""
    HINT: ClassVar = ""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: tuple[Frame, Focus] | None = None
        self._top = 0

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        """The lines at this width; height is what is in sight, and charts fill it."""
        raise NotImplementedError

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        """What the border says at the left and at the right."""
        return self.TITLE, self.HINT

    def show_frame(self, frame: Frame, focus: Focus) -> None:
        """Bring the panel up to date; one without a size draws when it is given one."""
        self._shown = (frame, focus)
        if not self.display or not self.size.height:
            return
        self.set_title(*self.title(frame, focus))
        width, height = self.size.width, self.size.height
        lines = self.make(frame, focus, width, height)[:ROOM]
        self._top = max(0, min(self._top, len(lines) - height))
        self.show(lines[self._top : self._top + height])
        below = len(lines) - self._top - height
        words = f"↑{self._top} ↓{max(0, below)}" if self._top or below > 0 else ""
        if words != str(self.border_subtitle or ""):
            self.border_subtitle = words

    def scroll_lines(self, rows: int) -> None:
        """Move towards the end (positive) or the start."""
        self._top = max(0, self._top + rows)
        self.resized()

    def resized(self) -> None:
        if self._shown is not None:
            self.show_frame(*self._shown)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-1)
