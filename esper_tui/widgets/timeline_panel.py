"""The timeline of an env, on the main screen and on the env detail."""

from __future__ import annotations

from typing import ClassVar

from textual.events import Click
from textual.message import Message

from esper_tui.sources.base import Frame
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.text import Line, dim, line
from esper_tui.widgets.timeline import axis_of, timeline_lines


class TimelinePanel(FigurePanel):
    """A click moves the cursor of the page."""

    HINT: ClassVar = "⏎ detail"

    class EpochChosen(Message):
        """The reader clicked on a host epoch."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.epoch = epoch

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        episode = focus.shown_episode(frame)
        if episode is None:
            return "ENV", ""
        batch = "" if episode.batch is None else f" · round {episode.batch}"
        return f"ENV {episode.env_id:02d}{batch} · accuracy % · slots · ops · reward", self.HINT

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        episode = focus.shown_episode(frame)
        if episode is None:
            return [line(dim(" no env yet"))]
        return timeline_lines(episode, width, height, cursor=focus.shown_epoch(frame), previous=focus.previous)

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._shown is None:
            return
        episode = self._shown[1].shown_episode(self._shown[0])
        if episode is not None and episode.epochs:
            axis = axis_of(episode, self.size.width)
            if axis.left <= offset.x < axis.left + axis.width:
                self.post_message(self.EpochChosen(min(axis.epoch_at(offset.x), episode.last_epoch)))
