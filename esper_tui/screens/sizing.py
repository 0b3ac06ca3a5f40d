"""What every screen of the cockpit does about new sizes of the terminal."""

from __future__ import annotations

from textual.events import Resize
from textual.widget import Widget


class IgnoresStaleSizes(Widget):
    """A screen that drops resize events which are out of date.

    Textual 8.2.8 answers each resize of a screen with another of the same size, so that two different ones that are
    under way at the same time (a terminal dragged to a new size) would follow each other for ever.
    """

    def on_resize(self, event: Resize) -> None:
        if event.size != self.app.size:
            event.prevent_default()
            event.stop()
