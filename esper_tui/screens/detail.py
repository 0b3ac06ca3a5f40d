"""One env in detail: timeline, decision, reward, attribution and history, all at one cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from esper_tui.screens.base import CockpitScreen, Panel, bindings_of
from esper_tui.screens.layout import Layout, detail_layout
from esper_tui.screens.raw import RawScreen, raw_text, recorded_at
from esper_tui.widgets.attribution_panel import AttributionPanel
from esper_tui.widgets.decision_panel import DecisionTable, RewardPanel
from esper_tui.widgets.history_panel import HistoryPanel
from esper_tui.widgets.timeline_panel import TimelinePanel


class DetailScreen(CockpitScreen):
    """The cursor rides the newest host epoch until the reader moves it; j and k go to another env."""

    NAME: ClassVar = "detail"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("detail")

    def make_panels(self) -> Sequence[Panel]:
        return [
            TimelinePanel(id="timeline"),
            DecisionTable(id="decision"),
            RewardPanel(id="reward"),
            AttributionPanel(id="attribution"),
            HistoryPanel(id="history"),
        ]

    def places(self, width: int, height: int) -> Layout:
        return detail_layout(width, height, front=self.front)

    @on(TimelinePanel.EpochChosen)
    def _epoch_chosen(self, event: TimelinePanel.EpochChosen) -> None:
        self._go_to(event.epoch)

    def move(self, rows: int) -> None:
        """To another env, in the order of the table; the focused panel scrolls instead if it is the history."""
        if self.query_one(HistoryPanel).has_focus:
            super().move(rows)
            return
        if self._frame is None:
            return
        focus = self.view.focus
        order = [row.env_id for row in focus.order.sorted(focus.filter.rows(self._frame.snapshot.envs))]
        here = order.index(focus.env_id) if focus.env_id in order else 0
        if order:
            env_id = order[min(max(here + rows, 0), len(order) - 1)]
            self.view.look(replace(focus, env_id=env_id, episode=None, epoch=None))
            self.show_panels()

    def action_cursor(self, steps: int) -> None:
        if self._frame is not None:
            epoch = self.view.focus.shown_epoch(self._frame)
            if epoch is not None:
                self._go_to(epoch + steps)

    def action_decision(self, direction: int) -> None:
        if self._frame is None:
            return
        episode, epoch = self.view.focus.shown_episode(self._frame), self.view.focus.shown_epoch(self._frame)
        if episode is None or epoch is None:
            return
        others = [one for one in episode.decision_epochs() if (one > epoch if direction > 0 else one < epoch)]
        if others:
            self._go_to(others[0] if direction > 0 else others[-1])

    def action_raw(self) -> None:
        """Show what was recorded at the cursor."""
        if self._frame is None:
            return
        episode, epoch = self.view.focus.shown_episode(self._frame), self.view.focus.shown_epoch(self._frame)
        if episode is not None and epoch is not None:
            title = f"RECORDED of env {episode.env_id:02d} in e{epoch}"
            self.app.push_screen(RawScreen(title, raw_text(recorded_at(episode, epoch))))

    def _go_to(self, epoch: int) -> None:
        """Move the cursor; at the newest epoch it follows again."""
        assert self._frame is not None, "there is a timeline"
        episode = self.view.focus.shown_episode(self._frame)
        if episode is not None and episode.epochs:
            inside = min(max(epoch, 1), episode.last_epoch)
            self.view.look(replace(self.view.focus, epoch=None if inside == episode.last_epoch else inside))
            self.show_panels()

    def action_compare(self) -> None:
        """Lay the round before over this one, or take it away."""
        self.view.look(replace(self.view.focus, previous=not self.view.focus.previous))
        self.show_panels()
