"""The hub stamps events and hands them to sinks.

`emit` belongs to the trainer's thread. Sinks may be added and removed from any thread.

What happens if a sink fails is decided here, in one place. An ordinary sink is detached whatever it raises, the failure
is recorded in `Hub.failures` and told in an event, and training goes on: nobody loses a run because a console, an
exporter or a plug-in broke. A critical sink keeps the record of the run. It reports trouble with the outside world by
raising OSError or SinkError, which ends the run with a TelemetryWriteError, because hours of training whose record is
silently lost are worth nothing. Any other exception of a critical sink is a defect and passes through.
"""

from __future__ import annotations

import threading
import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from esper.errors import TelemetryWriteError
from esper.telemetry.events import DEFAULT_GROUP, Event, Payload, Severity, SinkDetached

_LONGEST_REASON: Final = 500
"""How much of what a sink raised is told in the event."""


class SinkError(Exception):
    """A sink can take no more events, for a reason outside this program, such as a service that is gone."""


class Sink(Protocol):
    """A receiver of events.

    name: what messages call the sink.
    critical: whether its failure ends the run.
    """

    @property
    def name(self) -> str: ...

    @property
    def critical(self) -> bool: ...

    def accept(self, event: Event) -> None:
        """Take one event. This is called in the trainer's thread, so it must be quick.

        Raises:
            OSError, SinkError: the sink cannot go on.
        """
        ...

    def close(self) -> None:
        """Write out what is held back, and release files and connections.

        Raises:
            OSError, SinkError: something that was accepted could not be written.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFailure:
    """A sink that was detached.

    seq: the last event that the hub had stamped by then.
    """

    sink: str
    seq: int
    reason: str


class Hub:
    """Stamps payloads with a sequence number and a time, and delivers them to every sink in order."""

    def __init__(self, clock: Callable[[], float] = time.time, *, last_seq: int = 0) -> None:
        """An empty hub.

        A hub without sinks.

        clock: gives the time in seconds since the Unix epoch.
        last_seq: the last event of a run that goes on.
        """
        self._clock = clock
        self._seq = last_seq
        self._sinks: tuple[Sink, ...] = ()
        self._failures: tuple[SinkFailure, ...] = ()
        self._lock = threading.Lock()

    @property
    def failures(self) -> tuple[SinkFailure, ...]:
        """The sinks that were detached because they failed, in order."""
        return self._failures

    @property
    def last_seq(self) -> int:
        """The sequence number of the last event; 0 before the first."""
        return self._seq

    def add_sink(self, sink: Sink) -> None:
        """Deliver every later event to this sink too."""
        with self._lock:
            self._sinks = (*self._sinks, sink)

    def remove_sink(self, sink: Sink) -> None:
        """Stop delivering to this sink, without closing it. If it was detached before, nothing happens."""
        with self._lock:
            self._sinks = tuple(other for other in self._sinks if other is not sink)

    def emit(
        self, payload: Payload, *, severity: Severity = Severity.INFO, group_id: str = DEFAULT_GROUP, rank: int = 0
    ) -> Event:
        """Stamp the payload and deliver it before returning.

        group_id: the policy group to which it belongs.
        rank: the process that reports it, in a run of several.

        Raises:
            TelemetryWriteError: a critical sink failed.
        """
        known = len(self._failures)
        self._seq += 1
        event = Event(
            seq=self._seq, time=self._clock(), payload=payload, group_id=group_id, severity=severity, rank=rank
        )
        for sink in self._sinks:  # add and remove replace the tuple, so this loop needs no lock.
            try:
                sink.accept(event)
            except (OSError, SinkError) as error:
                self._detach(sink, error)
            except (Exception, SystemExit, CancelledError) as error:  # Whatever a sink raises, training goes on.
                if sink.critical:
                    raise
                self._detach(sink, error)
        for failure in self._failures[known:]:
            self.emit(
                SinkDetached(sink=failure.sink, reason=failure.reason[:_LONGEST_REASON]), severity=Severity.WARNING
            )
        return event

    def close(self) -> None:
        """Close every sink, the last added first.

        Raises:
            TelemetryWriteError: a critical sink could not write out what it held. The others are closed all the same.
        """
        lost: TelemetryWriteError | None = None
        for sink in reversed(self._sinks):
            try:
                sink.close()
            except (Exception, SystemExit, CancelledError) as error:  # the others must be closed all the same
                if sink.critical and not isinstance(error, OSError | SinkError):
                    raise
                try:
                    self._detach(sink, error)
                except TelemetryWriteError as write_error:
                    lost = write_error
        self._sinks = ()
        if lost is not None:
            raise lost

    def _detach(self, sink: Sink, error: BaseException) -> None:
        self.remove_sink(sink)
        self._failures = (
            *self._failures,
            SinkFailure(sink=sink.name, seq=self._seq, reason=str(error) or type(error).__name__),
        )
        if sink.critical:
            raise TelemetryWriteError(f"{sink.name} cannot write: {error}") from error
