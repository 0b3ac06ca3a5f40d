"""Every alert: those that stand first, then those that are over, the newest first."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from esper_tui.screens.sizing import CockpitModal
from esper_tui.sources.base import Frame
from esper_tui.state.alerts import Alert, Moment
from esper_tui.state.narrative import narrative
from esper_tui.state.rules import LEVEL_SIGNS, rule_for
from esper_tui.view_state import ViewState
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.text import LEVEL_ROLES, Line, Role, Span, dim, label, line, pad, strong, wrap

HINT = "a acknowledge · u mute the rule · Enter go there · Esc close"


def moment_words(moment: Moment) -> str:
    """For example "16:30:44 r12 e021"."""
    clock = time.strftime("%H:%M:%S", time.localtime(moment.time))
    batch = "" if moment.batch is None else f" r{moment.batch}"
    return clock + batch + ("" if moment.epoch is None else f" e{moment.epoch:03d}")


def alert_row(alert: Alert, view: ViewState) -> Line:
    """Who, what, value and limit, when, and what the reader or the run did about it."""
    state = "muted" if alert.rule in view.muted else "acked" if view.is_quiet(alert) else "stands"
    if alert.resolved is not None:
        state = "over"
    role = LEVEL_ROLES[alert.level] if state == "stands" else Role.DIM
    over = "" if alert.resolved is None else f" → {moment_words(alert.resolved)}"
    return line(
        Span(f"{LEVEL_SIGNS[alert.level]} ", role),
        dim(f"{pad(state, 6)} "),
        label(f"{pad(alert.who, 12)} "),
        Span(f"{alert.word} {alert.text}", role),
        dim(f"  since {moment_words(alert.raised)}{over}"),
    )


def why_lines(alert: Alert) -> list[Line]:
    """The rule of an alert in words."""
    rule = rule_for(alert.rule)
    if rule is None:
        source = (
            "an alarm of the trainer (docs/reference/anomalies.md)"
            if alert.by_trainer
            else "a figure that is no number"
        )
        return [line(label("why "), f"{alert.word}: {source}")]
    return [line(label("why "), rule.reason)]


class AlertScreen(CockpitModal[Alert | None]):
    """Enter closes it with the alert at the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,A", "dismiss", "close"),
        Binding("a", "acknowledge", "acknowledge"),
        Binding("u", "mute", "mute"),
        Binding("enter", "go", "go there"),
        Binding("j,down", "move(1)", "down"),
        Binding("k,up", "move(-1)", "up"),
    ]

    def __init__(self, frame: Frame, view: ViewState) -> None:
        super().__init__()
        self._alerts = [*frame.snapshot.alerts, *reversed(frame.snapshot.resolved)]
        self._sentence = narrative(frame.snapshot)
        self._view = view

    def compose(self) -> ComposeResult:
        with Vertical(id="alert-list", classes="dialog") as dialog:
            dialog.border_title = f"ALERTS {len(self._alerts)}"
            dialog.border_subtitle = HINT
            yield LinePanel(id="narrative")
            yield LineTable(id="alert-rows")

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        chosen = self._chosen()
        title = why_lines(chosen)[0] if chosen is not None else line(dim("there has been no alert in this run"))
        self.query_one(LinePanel).show(self._narrative())
        self.query_one(LineTable).show_rows(title, range(len(self._alerts)), self._row)

    def _row(self, place: int) -> Line:
        return alert_row(self._alerts[place], self._view)

    def _narrative(self) -> list[Line]:
        width = max(20, self.query_one("#narrative").size.width)
        return wrap([strong(word) for word in self._sentence.split()], width, gap=" ")[:3]

    def on_line_table_cursor_moved(self) -> None:
        self._show()

    def _chosen(self) -> Alert | None:
        key = self.query_one(LineTable).cursor_key
        return self._alerts[key] if key is not None else self._alerts[0] if self._alerts else None

    def action_move(self, rows: int) -> None:
        self.query_one(LineTable).move_cursor(rows)

    def action_acknowledge(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._view.acknowledge(chosen)
            self._show()

    def action_mute(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._view.mute(chosen)
            self._show()

    def action_go(self) -> None:
        self.dismiss(self._chosen())
