"""Shows why training failed, inside the cockpit."""

from __future__ import annotations

import os
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from esper.contracts.text import printable
from esper_tui.screens.sizing import CockpitModal


class FailureScreen(CockpitModal[None]):
    """The traceback, scrolled to its end. Esc returns to the last figures, q leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close"),
        Binding("q", "app.leave", "quit"),
    ]

    def __init__(self, traceback: str, *, log: str) -> None:
        super().__init__()
        self._traceback = traceback
        self._log = log

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="failure", classes="dialog") as page:
            page.border_title = "▲ TRAINING FAILED"
            page.border_subtitle = "Esc back to the last figures · q quit"
            there = os.path.isfile(self._log)  # is_file() raises where the folder cannot be read
            saved = f"Saved in {self._log}" if there else f"It could not be saved in {self._log}"
            lines = [*self._traceback.rstrip().splitlines(), "", saved]
            yield Static("\n".join(map(printable, lines)), id="traceback", markup=False)

    def on_mount(self) -> None:
        self.query_one("#failure", VerticalScroll).scroll_end(animate=False)
