"""What was recorded of one moment of an env, as it is in the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from esper.history.codec import record_to_json
from esper.telemetry.events import Payload
from esper_tui.screens.sizing import CockpitModal
from esper_tui.state.episode import EpisodeView

HINT = "y copy · Esc close"


def recorded_at(episode: EpisodeView, epoch: int) -> list[Payload]:
    """The records of an epoch of an episode."""
    found: list[Payload | None] = [episode.epoch_at(epoch), episode.decision_at(epoch)]
    found += [one for one in episode.matrices if one.epoch == epoch]
    found += [mark.payload for mark in episode.seeds if mark.epoch == epoch]
    found += [alarm for alarm in episode.alarms if alarm.epoch == epoch]
    return [one for one in found if one is not None]


def raw_text(payloads: Sequence[Payload]) -> str:
    """The records as indented JSON, each below its kind."""
    parts = [f"{one.kind.value}\n{json.dumps(json.loads(record_to_json(one)), indent=1)}" for one in payloads]
    return "\n\n".join(parts) or "nothing was recorded of this moment"


class RawScreen(CockpitModal[None]):
    """Scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,e", "dismiss", "close"), Binding("y", "copy", "copy")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="raw", classes="dialog") as page:
            page.border_title = self._title
            page.border_subtitle = HINT
            yield Static(self._text, markup=False)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
        self.notify("copied", markup=False)
