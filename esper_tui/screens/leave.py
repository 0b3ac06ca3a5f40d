"""Asks what becomes of a run that is still training when the user leaves."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Static

from esper_tui.screens.sizing import CockpitModal


class LeaveChoice(StrEnum):
    """What to do with the run."""

    KEEP_TRAINING = "keep-training"
    STOP_AFTER_ROUND = "stop-after-round"
    STOP_NOW = "stop-now"
    CANCEL = "cancel"


QUESTION = "The run is still training. Nothing happens to it unless you choose to stop it."


class LeaveScreen(CockpitModal[LeaveChoice]):
    """Cancel is the default; Esc and q cancel, too. A read-only cockpit does not offer to stop."""

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "choose('cancel')", "cancel"),
        Binding("k", "choose('keep-training')", "keep training"),
        Binding("s", "choose('stop-after-round')", "stop after this round"),
        Binding("n", "choose('stop-now')", "stop now"),
        Binding("up,left", "app.focus_previous", "previous"),
        Binding("down,right", "app.focus_next", "next"),
    ]

    def __init__(self, *, read_only: bool) -> None:
        super().__init__()
        self._read_only = read_only

    def compose(self) -> ComposeResult:
        with Vertical(id="leave", classes="dialog") as dialog:
            dialog.border_title = "LEAVE"
            yield Static(QUESTION, markup=False)
            yield Button(
                "k  Keep training without the screen (progress on the console)", id="keep-training", compact=True
            )
            if not self._read_only:
                yield Button("s  Stop after this round, then leave", id="stop-after-round", compact=True)
                yield Button("n  Stop now, without the unfinished round, then leave", id="stop-now", compact=True)
            yield Button("Cancel", id="cancel", compact=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(LeaveChoice(event.button.id))

    def action_choose(self, choice: str) -> None:
        if not (self._read_only and choice.startswith("stop")):
            self.dismiss(LeaveChoice(choice))
