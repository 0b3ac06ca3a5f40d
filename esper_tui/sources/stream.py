"""What the sources of a run that goes on have in common, whether it trains in this process or in another.

One thread hands each event to the reducer at once, under a lock, and the screen asks for a picture four times a second.
Nothing queues up between the two, however slow the screen is: it can miss pictures, which it counts and reports, but
never events.
"""

from __future__ import annotations

import threading
from typing import Final

from esper.contracts.orders import Order
from esper.control.messages import Action
from esper.telemetry.events import Event, RunEnd
from esper_tui.sources.base import Clock, Frame, Mode, SourceStatus
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.snapshot import CockpitSnapshot

FRAME_SECONDS: Final = 0.25
"""The time between two pictures."""

END_MODES: Final[dict[RunEnd, Mode]] = {
    RunEnd.FINISHED: Mode.ENDED_FINISHED,
    RunEnd.STOPPED: Mode.ENDED_STOPPED,
    RunEnd.FAILED: Mode.ENDED_FAILED,
}


class StreamSource:
    """Takes in events on one thread, and gives frames on another."""

    def __init__(self, *, origin: str, clock: Clock) -> None:
        self.origin = origin
        self._clock = clock
        self._lock = threading.Lock()
        self._aggregator = Aggregator()
        self._view_paused = False
        self._shown: CockpitSnapshot | None = None
        self._shown_status: SourceStatus | None = None
        self._last_poll: float | None = None
        self._dropped = 0

    @property
    def is_live(self) -> bool:
        return True

    @property
    def is_over(self) -> bool:
        """Whether nobody trains the run any more."""
        raise NotImplementedError

    @property
    def is_training_paused(self) -> bool:
        """Whether the trainer holds before its next host epoch, as far as is known."""
        raise NotImplementedError

    def steer(self, action: Action) -> None:
        """Ask the trainer for something. This may take seconds.

        Raises:
            ControlError: it cannot be asked.
        """
        raise NotImplementedError

    def order(self, order: Order) -> None:
        """Tell one env what to do at its next decision. This may take seconds.

        Raises:
            ControlError: nobody can be told.
            ConfigError: the order is refused.
        """
        raise NotImplementedError

    def mode(self, snapshot: CockpitSnapshot) -> Mode:
        """The state word of the header, while the view is not held."""
        raise NotImplementedError

    def take(self, event: Event) -> None:
        """Let the figures take in an event."""
        with self._lock:
            self._aggregator.apply(event)

    def start_over(self) -> None:
        """Forget every event."""
        with self._lock:
            self._aggregator = Aggregator()
            self._shown = None

    @property
    def is_view_held(self) -> bool:
        """The picture stands still while the run goes on."""
        return self._view_paused

    def toggle_view(self) -> None:
        self._view_paused = not self._view_paused

    def rest(self) -> None:
        self._last_poll = self._clock()

    def latest(self) -> CockpitSnapshot:
        """The figures as they are now, whatever the screen shows."""
        with self._lock:
            return self._aggregator.snapshot()

    def poll(self) -> Frame | None:
        now = self._clock()
        snapshot = self._newest_snapshot()
        changed = snapshot is not self._shown
        if changed and self._last_poll is not None:
            self._dropped += max(0, round((now - self._last_poll) / FRAME_SECONDS) - 1)
        self._last_poll = now
        status = self.status(snapshot)
        if not changed and status == self._shown_status:
            return None
        self._shown, self._shown_status = snapshot, status
        return Frame(snapshot=snapshot, status=status)

    def _newest_snapshot(self) -> CockpitSnapshot:
        with self._lock:
            if self._shown is not None and (self._view_paused or self._aggregator.events == self._shown.events):
                return self._shown
            return self._aggregator.snapshot()

    def status(self, snapshot: CockpitSnapshot) -> SourceStatus:
        """What the source says of itself beside these figures."""
        total = self._aggregator.events
        return SourceStatus(
            mode=self._shown_mode(snapshot),
            origin=self.origin,
            newer=total - snapshot.events,
            dropped=self._dropped,
            position=snapshot.events,
            length=total,
            speed=None,
        )

    def _shown_mode(self, snapshot: CockpitSnapshot) -> Mode:
        mode = self.mode(snapshot)
        return Mode.VIEW_PAUSED if self._view_paused and mode not in _LOUD else mode


_LOUD: Final = (Mode.SCREEN_FAILED, Mode.ENDED_FAILED)
"""What a held view must not hide."""
