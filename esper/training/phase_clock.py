"""Where a batch's wall-clock goes: a stopwatch with named phases."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter

from esper.telemetry.events import PhaseTime


class Phase(StrEnum):
    """The phases of a batch, in the order in which an epoch passes through them."""

    SETUP = "setup"
    TRAIN = "train"
    EVALUATE = "evaluate"
    OBSERVE = "observe"
    ACT = "act"
    EXECUTE = "execute"
    TELEMETRY = "telemetry"
    UPDATE = "update"


class PhaseClock:
    """Adds up time per phase since the last restart. Phases do not nest.

    It reads the clock without synchronising a device: work queued in one phase is charged to the phase that waits.
    """

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._totals = dict.fromkeys(Phase, 0.0)
        self._started = now()

    def restart(self) -> None:
        """Forget everything and start a new batch."""
        self._totals = dict.fromkeys(Phase, 0.0)
        self._started = self._now()

    @contextmanager
    def measure(self, phase: Phase) -> Generator[None]:
        """Charge the time inside the with block to phase."""
        begun = self._now()
        try:
            yield
        finally:
            self._totals[phase] += self._now() - begun

    def seconds(self, phase: Phase) -> float:
        return self._totals[phase]

    @property
    def wall_seconds(self) -> float:
        """Time since the last restart."""
        return self._now() - self._started

    def phases(self) -> tuple[PhaseTime, ...]:
        """Every phase with its milliseconds."""
        return tuple(PhaseTime(phase=phase.value, milliseconds=1e3 * self._totals[phase]) for phase in Phase)
