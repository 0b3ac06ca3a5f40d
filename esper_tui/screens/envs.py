"""The main screen: env table, timeline and decision of the env at the cursor, policy, fleet, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from esper_tui.screens.base import CockpitScreen, Panel, bindings_of
from esper_tui.screens.compare import MOST, CompareScreen
from esper_tui.screens.layout import Layout, envs_layout
from esper_tui.widgets.decision_panel import DecisionPanel
from esper_tui.widgets.env_table import EnvTable
from esper_tui.widgets.fleet_panel import FleetPanel
from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.log_panel import LogPanel
from esper_tui.widgets.policy_panel import PolicyPanel
from esper_tui.widgets.timeline_panel import TimelinePanel


class EnvsScreen(CockpitScreen):
    """The cursor of the env table decides what the other panels show."""

    NAME: ClassVar = "envs"
    AUTO_FOCUS = "#envs"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("envs")

    def make_panels(self) -> Sequence[Panel]:
        return [
            EnvTable(id="envs"),
            TimelinePanel(id="timeline"),
            LogPanel(id="log"),
            PolicyPanel(id="policy"),
            DecisionPanel(id="decision"),
            FleetPanel(id="fleet"),
        ]

    def places(self, width: int, height: int) -> Layout:
        return envs_layout(width, height, envs=max(1, self.envs_known), front=self.front)

    @on(LineTable.CursorMoved)
    def _cursor_moved(self, event: LineTable.CursorMoved) -> None:
        self.view.look(replace(self.view.focus, env_id=event.key, epoch=None))
        self.show_panels()

    @on(TimelinePanel.EpochChosen)
    def _epoch_chosen(self, event: TimelinePanel.EpochChosen) -> None:
        self.view.look(replace(self.view.focus, epoch=event.epoch))
        self.show_panels()

    def action_sort(self, direction: int) -> None:
        self.view.look(replace(self.view.focus, order=self.view.focus.order.next()))
        self.show_panels()

    def action_reverse(self) -> None:
        order = self.view.focus.order
        self.view.look(replace(self.view.focus, order=replace(order, reverse=not order.reverse)))
        self.show_panels()

    def action_pin(self) -> None:
        key = self.query_one(EnvTable).cursor_key
        if key is not None:
            self.view.look(replace(self.view.focus, order=self.view.focus.order.toggled(key)))
            self.show_panels()

    def action_compare(self) -> None:
        """Show two to four pinned envs side by side."""
        if self._frame is None:
            return
        pinned = [row for row in self._frame.snapshot.envs if row.env_id in self.view.focus.order.pinned]
        if not 2 <= len(pinned) <= MOST:
            self.notify(f"pin two to {MOST} envs with * first; {len(pinned)} are pinned", markup=False)
            return
        self.app.push_screen(CompareScreen(pinned))
