"""Where a batch's wall-clock goes: a stopwatch with named phases."""

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

    setup: fresh hosts and their rows of everything. data_wait: the training pass waits for a minibatch; not part of
    train. observe: taking in what was measured, the governor's look included. act: the controller. execute: changing
    slots; reward: paying for it. update: learning from the batch.
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
    """Adds up time per phase since the last restart. A phase inside another one stops the outer one meanwhile.

    It reads the clock without synchronising a device: work queued in one phase is charged to the phase that waits.
    """

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self.restart()

    def restart(self) -> None:
        """Forget everything and start a new batch. Not inside a phase."""
        self._totals = dict.fromkeys(Phase, 0.0)
        self._open: list[Phase] = []
        self._started = self._last = self._now()

    @contextmanager
    def measure(self, phase: Phase) -> Generator[None]:
        """Charge the time inside the with block to phase."""
        self._charge()
        self._open.append(phase)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def each(self, phase: Phase, items: Iterable[T]) -> Iterator[T]:
        """The items, with the time that making each of them takes charged to phase."""
        iterator = iter(items)
        while True:
            with self.measure(phase):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def _charge(self) -> None:
        """Give the time since the last reading to the innermost open phase."""
        now = self._now()
        if self._open:
            self._totals[self._open[-1]] += now - self._last
        self._last = now

    def seconds(self, phase: Phase) -> float:
        """Time charged to a phase since the last restart."""
        return self._totals[phase]

    @property
    def wall_seconds(self) -> float:
        """Time since the last restart."""
        return self._now() - self._started

    def phases(self) -> tuple[PhaseTime, ...]:
        """Every phase with its milliseconds."""
        return tuple(PhaseTime(phase=phase.value, milliseconds=1e3 * self._totals[phase]) for phase in Phase)
