"""A run that trains in a worker thread of this process.

The trainer's thread hands each event to the reducer at once, under a lock, and the screen asks for a picture four times
a second. Nothing queues up between the two threads, however slow the screen is: it can miss pictures, which it counts
and reports, but never events. A host epoch of a fleet makes a few events per env, each of which takes a few
microseconds here.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Final

from esper.telemetry.events import Event, RunEnd
from esper.telemetry.hub import SinkError
from esper.training.run_control import RunControl
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

Job = Callable[["LiveSource"], None]
"""Trains a run and hands each event to the source's accept(). It returns when the run is over, or raises an error."""


class LiveSource:
    """A sink of a hub on one side, and a source of frames on the other.

    run(job) is what the worker thread calls. failure: the formatted traceback once the job has raised.
    screen_failure: why the figures stopped following the run, if they did.
    """

    def __init__(self, *, control: RunControl, origin: str, clock: Clock) -> None:
        self.control = control
        self.origin = origin
        self.failure: str | None = None
        self.screen_failure: str | None = None
        self.finished = threading.Event()
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
        """Whether the worker thread has returned from the job."""
        return self.finished.is_set()

    @property
    def name(self) -> str:
        """The name by which the hub knows this sink."""
        return "cockpit"

    @property
    def critical(self) -> bool:
        """False, because a cockpit that fails must not end the run."""
        return False

    def accept(self, event: Event) -> None:
        """Take in an event, on the trainer's thread.

        Raises:
            SinkError: the reducer failed. The hub then goes on without the screen.
        """
        try:
            with self._lock:
                self._aggregator.apply(event)
        except Exception as error:
            self.screen_failure = f"{type(error).__name__} at event {event.seq}: {error}"
            raise SinkError(self.screen_failure) from error

    def close(self) -> None:
        """Do nothing at the end of the events, because the figures stay on the screen."""

    def run(self, job: Job) -> None:
        """Run the job to its end on the calling thread, and keep its traceback if it fails."""
        try:
            job(self)
        except BaseException:
            self.failure = traceback.format_exc()
            raise
        finally:
            self.finished.set()

    @property
    def is_view_held(self) -> bool:
        """The picture stands still while the run goes on."""
        return self._view_paused

    def toggle_view(self) -> None:
        self._view_paused = not self._view_paused

    def toggle_training(self) -> None:
        """Hold the trainer before its next host epoch, or let it go on."""
        if self.control.is_paused:
            self.control.resume()
        else:
            self.control.pause()

    def stop_after_round(self) -> None:
        """Let the trainer finish its round and then end. A paused run goes on until then."""
        self.control.request_stop_after_round()

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
        status = self._status(snapshot)
        if not changed and status == self._shown_status:
            return None
        self._shown, self._shown_status = snapshot, status
        return Frame(snapshot=snapshot, status=status)

    def _newest_snapshot(self) -> CockpitSnapshot:
        with self._lock:
            if self._shown is not None and (self._view_paused or self._aggregator.events == self._shown.events):
                return self._shown
            return self._aggregator.snapshot()

    def _status(self, snapshot: CockpitSnapshot) -> SourceStatus:
        total = self._aggregator.events
        return SourceStatus(
            mode=self._mode(snapshot),
            origin=self.origin,
            newer=total - snapshot.events,
            dropped=self._dropped,
            position=snapshot.events,
            length=total,
            speed=None,
        )

    def _mode(self, snapshot: CockpitSnapshot) -> Mode:
        if self.is_over and self.failure is not None:
            return Mode.ENDED_FAILED
        if self.screen_failure is not None:
            return Mode.SCREEN_FAILED
        if self._view_paused:
            return Mode.VIEW_PAUSED
        if self.is_over:
            return END_MODES[snapshot.ended.end] if snapshot.ended else Mode.ENDED_STOPPED
        if self.control.stop_requested or self.control.stop_after_round_requested:
            return Mode.STOPPING
        if self.control.is_paused:
            return Mode.TRAINING_PAUSED
        return Mode.LIVE if snapshot.run is not None else Mode.STARTING
