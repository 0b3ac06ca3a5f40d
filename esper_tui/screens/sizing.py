"""What every screen of the cockpit does about new sizes of the terminal."""

from __future__ import annotations

from typing import TypeVar

from textual.events import Resize
from textual.screen import ModalScreen, Screen

Result = TypeVar("Result")


def drop_if_stale(screen: Screen[Result], event: Resize) -> None:
    """Keep a screen from handling a resize event that is out of date.

    Textual 8.2.8 answers each resize of a screen with another of the same size, so that two different ones that are
    under way at the same time (a terminal dragged to a new size) would follow each other for ever.
    """
    if event.size != screen.app.size:
        event.prevent_default()
        event.stop()


class CockpitModal(ModalScreen[Result]):
    """A layer over the main screen."""

    def on_resize(self, event: Resize) -> None:
        drop_if_stale(self, event)
