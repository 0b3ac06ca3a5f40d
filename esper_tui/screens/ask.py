"""Asks before something that changes the run; No is the default."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Static

from esper_tui.screens.sizing import CockpitModal


class AskScreen(CockpitModal[bool]):
    """Esc, q and n say no."""

    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,n", "answer(False)", "no"),
        Binding("y", "answer(True)", "yes"),
        Binding("up,left", "app.focus_previous", "previous"),
        Binding("down,right", "app.focus_next", "next"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(id="ask", classes="dialog"):
            yield Static(self._question, markup=False)
            yield Button("y  Yes", id="yes", compact=True)
            yield Button("n  No", id="no", compact=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
