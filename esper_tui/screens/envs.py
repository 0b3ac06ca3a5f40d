"""The main screen: header, env table, policy, charts, decision, event log."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Static

from esper_tui.keys import KEYS, Where
from esper_tui.screens.sizing import drop_if_stale
from esper_tui.sources.base import Frame
from esper_tui.widgets.charts import AccuracyChart, Chart, ReturnChart, SparkPanel
from esper_tui.widgets.decision_panel import DecisionPanel
from esper_tui.widgets.env_table import EnvTable
from esper_tui.widgets.header import HeaderPanel
from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.log_panel import LogPanel
from esper_tui.widgets.policy_panel import PolicyPanel
from esper_tui.widgets.status_line import StatusPanel

FOLDS: Final = ("-fold-log", "-fold-decision", "-fold-policy")
"""Which of the panels that share a place on a small screen is in front."""

PANEL_TITLES: Final = {
    "envs": "ENVS · worst first",
    "policy": "POLICY",
    "returns": "RETURN by round · mean, p10–p90",
    "accuracy": "VAL ACC · this round over the last",
    "decision": "DECISION of the env at ▸",
    "log": "EVENTS",
}

GROUP_PANELS: Final = ("policy", "returns", "accuracy")
"""Panels that show the figures of one policy group: of the one that decides for the env at the cursor."""


class EnvsScreen(Screen[None]):
    """Hands each frame to its panels; a panel that is not displayed gets none until it is.

    The keys are bound here, not on the app, so that they act only while this screen is in front.
    """

    AUTO_FOCUS = "#envs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, f"app.{key.action}", key.help, show=False)
        for key in KEYS
        if not key.priority and (key.action != "toggle_view" or key.where is Where.LIVE)
    ]

    def __init__(self, *, live: bool) -> None:
        super().__init__(classes=FOLDS[0])
        self._live = live
        self._frame: Frame | None = None

    def compose(self) -> ComposeResult:
        yield HeaderPanel(id="header")
        with Container(id="body"):
            yield EnvTable(id="envs")
            yield PolicyPanel(id="policy")
            yield ReturnChart(id="returns")
            yield AccuracyChart(id="accuracy")
            yield SparkPanel(id="sparks")
            yield DecisionPanel(id="decision")
            yield LogPanel(id="log")
        yield Static("The cockpit needs 80x24 cells.\nTraining is not affected.", id="too-small", markup=False)
        yield StatusPanel(live=self._live, id="status")

    def on_mount(self) -> None:
        for panel, title in PANEL_TITLES.items():
            self.query_one(f"#{panel}").border_title = title

    @property
    def has_panels(self) -> bool:
        """False before the panels are made and while they are being taken down, when a timer may still fire."""
        return bool(self.query(HeaderPanel)) and bool(self.query(StatusPanel))

    def show_frame(self, frame: Frame) -> None:
        """Bring every displayed panel up to date."""
        self._frame = frame
        snapshot = frame.snapshot
        self.query_one(HeaderPanel).show_frame(frame)
        self.query_one(StatusPanel).show_frame(frame)
        self.query_one(EnvTable).show_snapshot(snapshot)
        self._show_side_panels(frame)

    def _show_side_panels(self, frame: Frame) -> None:
        snapshot = frame.snapshot
        group = snapshot.group_of(self.query_one(EnvTable).cursor_key)
        self._name_group(group.group_id if len(snapshot.groups) > 1 else "")
        policy, log, sparks = self.query_one(PolicyPanel), self.query_one(LogPanel), self.query_one(SparkPanel)
        if policy.display:
            policy.show_group(snapshot, group)
        if log.display:
            log.show_log(snapshot.log)
        if sparks.display:
            sparks.show_group(group)
        for chart in self.query(Chart):
            if chart.display:
                chart.show_group(snapshot, group)
        self._show_decision()

    def _name_group(self, name: str) -> None:
        """Say in the titles whose figures those are; name is empty in a run of one group."""
        for panel in GROUP_PANELS:
            word, dot, rest = PANEL_TITLES[panel].partition(" · ")
            self.query_one(f"#{panel}").border_title = f"{word} of {name}{dot}{rest}" if name else PANEL_TITLES[panel]

    def _show_decision(self) -> None:
        panel = self.query_one(DecisionPanel)
        if self._frame is not None and panel.display:
            panel.show_env(self._frame.snapshot, self.query_one(EnvTable).cursor_key)

    def on_resize(self, event: Resize) -> None:
        """Panels that a new size brought in have missed frames."""
        drop_if_stale(self, event)
        self.call_later(self._show_again)

    def _show_again(self) -> None:
        if self._frame is not None:
            self.show_frame(self._frame)

    @on(LineTable.CursorMoved)
    def _cursor_moved(self) -> None:
        if self._frame is not None:
            self._show_side_panels(self._frame)

    def move(self, rows: int) -> None:
        """Move in the focused panel: the event log if it has the focus, otherwise the env table."""
        log = self.query_one(LogPanel)
        if log.has_focus:
            log.scroll_lines(rows)
        else:
            self.query_one(EnvTable).move_cursor(rows)

    def move_page(self, direction: int) -> None:
        log = self.query_one(LogPanel)
        page = log.size.height if log.has_focus else self.query_one(EnvTable).page_rows
        self.move(direction * max(1, page - 1))

    def next_panel(self) -> None:
        """Bring the next folded panel to the front; with nothing folded, move the focus."""
        if self.query_one(PolicyPanel).display and self.query_one(LogPanel).display:
            self.focus_next()
            return
        current = next(index for index, fold in enumerate(FOLDS) if self.has_class(fold))
        following = FOLDS[(current + 1) % len(FOLDS)]
        self.remove_class(*FOLDS)
        self.add_class(following)
        self.query_one(LogPanel if following == "-fold-log" else EnvTable).focus()
        self.call_later(self._show_again)
