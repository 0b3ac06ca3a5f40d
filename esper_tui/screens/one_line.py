"""Asks for a line of text; what is wrong with it is shown below."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from esper.errors import EsperError
from esper_tui.screens.sizing import CockpitModal


class LineScreen(CockpitModal[None]):
    """Enter hands the line to take(), and closes unless that raises; Esc closes.

    take: raises an EsperError, whose message is shown, if it will not have the line.
    """

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "close")]

    def __init__(self, title: str, *, text: str, hint: str, take: Callable[[str], None]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._hint = hint
        self._take = take

    def compose(self) -> ComposeResult:
        with Vertical(id="ask", classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Input(self._text)
            yield Static(self._hint, id="hint", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        try:
            self._take(event.value)
        except EsperError as error:
            self.query_one("#hint", Static).update(str(error))
            return
        self.dismiss()
