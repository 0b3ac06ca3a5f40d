"""Where the wall-clock time of a batch goes: a stopwatch with named phases."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter
from typing import TypeVar

from esper.telemetry.events import PhaseTime

T = TypeVar("T")


class Phase(StrEnum):
    """The phases of a batch, in the order in which an epoch passes through them.

    SETUP: fresh hosts, with their rows of everything.
    DATA_WAIT: the training pass waits for a minibatch. This is not part of TRAIN.
    OBSERVE: what was measured is taken in, and the governor judges it.
    ACT: the controller decides.
    EXECUTE: slots change.
    REWARD: the step is paid for.
    UPDATE: the controllers learn from the batch.
    """

    SETUP = "setup"
    TRAIN = "train"
    DATA_WAIT = "data_wait"
    EVALUATE = "evaluate"
    OBSERVE = "observe"
    ACT = "act"
    EXECUTE = "execute"
    REWARD = "reward"
    TELEMETRY = "telemetry"
    UPDATE = "update"


class PhaseClock:
    """Adds up the time of each phase since the last restart.

    While a phase runs inside another one, the outer one stops.

    The clock is read without waiting for a device, so work that is queued in one phase is charged to the phase that
    waits.
    """

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self.restart()

    def restart(self) -> None:
        """Forget everything and start a new batch. This must not happen inside a phase."""
        self._totals = dict.fromkeys(Phase, 0.0)
        self._open: list[Phase] = []
        self._started = self._last = self._now()

    @contextmanager
    def measure(self, phase: Phase) -> Generator[None]:
        """Charge the time inside the with block to a phase."""
        self._charge()
        self._open.append(phase)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def each(self, phase: Phase, items: Iterable[T]) -> Iterator[T]:
        """The items, while the time that it takes to make them is charged to a phase."""
        iterator = iter(items)
        while True:
            with self.measure(phase):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def _charge(self) -> None:
        """Charge the time since the last reading to the innermost open phase."""
        now = self._now()
        if self._open:
            self._totals[self._open[-1]] += now - self._last
        self._last = now

    def seconds(self, phase: Phase) -> float:
        """The time charged to a phase since the last restart."""
        return self._totals[phase]

    @property
    def wall_seconds(self) -> float:
        """The time since the last restart."""
        return self._now() - self._started

    def phases(self) -> tuple[PhaseTime, ...]:
        """Every phase with its milliseconds."""
        return tuple(PhaseTime(phase=phase.value, milliseconds=1e3 * self._totals[phase]) for phase in Phase)
