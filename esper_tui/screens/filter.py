"""Asks for a filter; the mistake in one is shown below the line."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from esper.errors import ConfigError
from esper_tui.screens.sizing import CockpitModal
from esper_tui.state.choosing import FIELDS, WORDS, Filter, parse_filter

EXAMPLE = "for example: acc>40 status=fall,stal slot=conv"


class FilterScreen(CockpitModal[Filter | None]):
    """Enter takes the filter, Esc leaves it as it was."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "close")]

    def __init__(self, current: Filter) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(id="ask", classes="dialog") as dialog:
            dialog.border_title = "FILTER"
            yield Input(self._current.text, placeholder=EXAMPLE)
            yield Static(f"fields: {' '.join([*FIELDS, *WORDS])}", id="filter-words", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(parse_filter(event.value))
        except ConfigError as error:
            self.query_one("#filter-words", Static).update(str(error))
