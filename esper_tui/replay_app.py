"""What the app does for a recording: it reads it while the screen is up, and goes to any of its moments."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from textual.app import App
from textual.timer import Timer

from esper.errors import HistoryError
from esper_tui.leaving import Leaving
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.sources.watch import WatchSource

READ_EVERY_SECONDS: Final = 0.03
READ_SECONDS: Final = 0.02
"""How often a slice of a recording is read, and for how long: briefly, so that keys are answered meanwhile."""


class ReplayApp(App[Leaving]):
    """The base of the cockpit's app. check_action lets the keys of a replay through only if the source is one.

    damage: what turned out to be wrong with the recording; the cockpit closes then.
    """

    source: LiveSource | WatchSource | ReplaySource
    damage: HistoryError | None = None
    _reader: Timer | None = None

    def draw_frame(self) -> None:
        """Draw the newest frame."""
        raise NotImplementedError

    @property
    def replay(self) -> ReplaySource:
        assert isinstance(self.source, ReplaySource), "check_action lets only replays through"
        return self.source

    def start_reading(self) -> None:
        """Read the rest of a recording, a slice at a time."""
        if isinstance(self.source, ReplaySource) and not self.source.is_read:
            self._reader = self.set_interval(READ_EVERY_SECONDS, self.read_on)

    def read_on(self) -> None:
        with self.leaving_if_damaged():
            self.replay.read_on(READ_SECONDS)
        if self._reader is not None and self.replay.is_read:
            self._reader.stop()

    @contextmanager
    def leaving_if_damaged(self) -> Generator[None]:
        """Leave the cockpit if the recording turns out to be damaged."""
        try:
            yield
        except HistoryError as error:
            self.damage = error
            self.exit(Leaving.OVER)

    def action_step_epoch(self, direction: int) -> None:
        with self.leaving_if_damaged():
            self.replay.step_epoch(direction)
        self.draw_frame()

    def action_step_round(self, direction: int) -> None:
        with self.leaving_if_damaged():
            self.replay.step_round(direction)
        self.draw_frame()

    def action_step_decision(self, direction: int) -> None:
        with self.leaving_if_damaged():
            self.replay.step_decision(direction)
        self.draw_frame()

    def action_change_speed(self, direction: int) -> None:
        self.replay.change_speed(direction)
        self.draw_frame()

    def go_to(self, position: float) -> None:
        """Show a moment of the recording."""
        with self.leaving_if_damaged():
            self.replay.show_from(position)
        self.draw_frame()
