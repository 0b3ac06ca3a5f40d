from __future__ import annotations

import threading
from asyncio import CancelledError

import pytest

from esper.errors import TelemetryWriteError
from esper.telemetry.events import Event, RunEnd, Severity, SinkDetached, TrainingEnded
from esper.telemetry.hub import Hub, SinkError

PAYLOAD = TrainingEnded(end=RunEnd.FINISHED, batches_completed=1, wall_seconds=2.0)


class Recorder:
    """Sink that keeps what it gets, and fails when told to."""

    def __init__(self, name: str = "recorder", *, critical: bool = False, error: BaseException | None = None) -> None:
        self.name = name
        self.critical = critical
        self.error = error
        self.events: list[Event] = []
        self.closed = 0

    def accept(self, event: Event) -> None:
        if self.error is not None:
            raise self.error
        self.events.append(event)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


def test_stamps_sequence_numbers_time_and_severity() -> None:
    times = iter([10.0, 11.5])
    hub = Hub(clock=lambda: next(times))
    sink = Recorder()
    hub.add_sink(sink)
    first = hub.emit(PAYLOAD)
    hub.emit(PAYLOAD, severity=Severity.WARNING)
    assert [(e.seq, e.time, e.severity) for e in sink.events] == [
        (1, 10.0, Severity.INFO),
        (2, 11.5, Severity.WARNING),
    ]
    assert first is sink.events[0]
    assert first.payload is PAYLOAD


def test_delivers_in_the_order_in_which_sinks_were_added() -> None:
    order: list[str] = []

    class Noting(Recorder):
        def accept(self, event: Event) -> None:
            order.append(self.name)

    hub = Hub()
    for name in ("a", "b", "c"):
        hub.add_sink(Noting(name))
    hub.emit(PAYLOAD)
    assert order == ["a", "b", "c"]


@pytest.mark.parametrize("error", [OSError("pipe gone"), SinkError("quota used up")])
def test_failing_sink_is_detached_and_reported_and_the_others_go_on(error: Exception) -> None:
    hub = Hub()
    broken, healthy = Recorder("exporter", error=error), Recorder()
    hub.add_sink(broken)
    hub.add_sink(healthy)
    hub.emit(PAYLOAD)
    broken.error = None
    hub.emit(PAYLOAD)
    told = SinkDetached(sink="exporter", reason=str(error))
    assert [(event.seq, event.payload) for event in healthy.events] == [(1, PAYLOAD), (2, told), (3, PAYLOAD)]
    assert broken.events == []
    assert [(f.sink, f.seq, f.reason) for f in hub.failures] == [("exporter", 1, str(error))]


def test_failing_critical_sink_ends_the_run() -> None:
    hub = Hub()
    hub.add_sink(Recorder("history writer", critical=True, error=OSError(28, "No space left on device")))
    with pytest.raises(TelemetryWriteError, match=r"history writer cannot write: .*No space left on device"):
        hub.emit(PAYLOAD)
    assert len(hub.failures) == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("defect"), SystemExit("defect"), CancelledError("defect")])
def test_an_ordinary_sink_cannot_end_a_run_whatever_it_raises(error: BaseException) -> None:
    hub = Hub()
    hub.add_sink(Recorder(error=error))
    hub.emit(PAYLOAD)
    assert [failure.reason for failure in hub.failures] == ["defect"]
    hub.add_sink(Recorder(error=error))
    hub.close()


def test_a_defect_of_the_critical_sink_is_not_hidden() -> None:
    hub = Hub()
    hub.add_sink(Recorder(critical=True, error=ZeroDivisionError("defect")))
    with pytest.raises(ZeroDivisionError):
        hub.emit(PAYLOAD)


def test_sink_added_or_removed_later_gets_only_its_part() -> None:
    hub = Hub()
    early, late = Recorder(), Recorder()
    hub.add_sink(early)
    hub.emit(PAYLOAD)
    hub.add_sink(late)
    hub.emit(PAYLOAD)
    hub.remove_sink(early)
    hub.emit(PAYLOAD)
    assert [event.seq for event in early.events] == [1, 2]
    assert [event.seq for event in late.events] == [2, 3]


def test_close_reaches_every_sink_even_if_a_critical_one_fails() -> None:
    hub = Hub()
    first, last = Recorder(), Recorder()
    hub.add_sink(first)
    hub.add_sink(Recorder("history writer", critical=True, error=OSError("disk full")))
    hub.add_sink(last)
    with pytest.raises(TelemetryWriteError, match="disk full"):
        hub.close()
    assert (first.closed, last.closed) == (1, 1)


def test_sinks_may_come_and_go_from_other_threads_while_events_flow() -> None:
    hub = Hub()
    steady = Recorder()
    hub.add_sink(steady)
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            sink = Recorder()
            hub.add_sink(sink)
            hub.remove_sink(sink)

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        hub.emit(PAYLOAD)
    done.set()
    for thread in threads:
        thread.join()
    hub.emit(PAYLOAD)
    assert [event.seq for event in steady.events] == list(range(1, 2002))
