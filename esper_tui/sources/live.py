"""A run that trains in a worker thread of this process.

A host epoch of a fleet makes a few events per env, each of which takes a few microseconds on the trainer's thread.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

from esper.contracts.orders import Order
from esper.control.messages import Action
from esper.control.server import obey
from esper.telemetry.events import Event
from esper.telemetry.hub import SinkError
from esper.training.run_control import RunControl
from esper_tui.sources.base import Clock, Mode
from esper_tui.sources.stream import END_MODES, StreamSource
from esper_tui.state.snapshot import CockpitSnapshot

Job = Callable[["LiveSource"], None]
"""Trains a run and hands each event to the source's accept(). It returns when the run is over, or raises an error."""


class LiveSource(StreamSource):
    """A sink of a hub on one side, and a source of frames on the other.

    run(job) is what the worker thread calls. failure: the formatted traceback once the job has raised.
    screen_failure: why the figures stopped following the run, if they did.
    """

    def __init__(self, *, control: RunControl, origin: str, clock: Clock) -> None:
        super().__init__(origin=origin, clock=clock)
        self.control = control
        self.failure: str | None = None
        self.screen_failure: str | None = None
        self.finished = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether the worker thread has returned from the job."""
        return self.finished.is_set()

    @property
    def is_training_paused(self) -> bool:
        return self.control.is_paused

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
            self.take(event)
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

    def steer(self, action: Action) -> None:
        obey(self.control, action)

    def order(self, order: Order) -> None:
        self.control.give_order(order)

    def mode(self, snapshot: CockpitSnapshot) -> Mode:
        if self.is_over and self.failure is not None:
            return Mode.ENDED_FAILED
        if self.screen_failure is not None:
            return Mode.SCREEN_FAILED
        if self.is_over:
            return END_MODES[snapshot.ended.end] if snapshot.ended else Mode.ENDED_STOPPED
        if self.control.stop_requested or self.control.stop_after_round_requested:
            return Mode.STOPPING
        if self.control.is_paused:
            return Mode.TRAINING_PAUSED
        return Mode.LIVE if snapshot.run is not None else Mode.STARTING
