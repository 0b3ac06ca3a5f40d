"""The reducer's pace: how many host epochs of one env finish per second, lately and since the start."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

FLEET_EPOCHS: Final = 10
"""Length of "now", in host epochs of the whole fleet."""


def _no_marks() -> deque[tuple[float, int]]:
    return deque(maxlen=FLEET_EPOCHS + 1)


@dataclass(slots=True, kw_only=True)
class Pace:
    """marks: when each of the last fleet epochs began to report, and how many env epochs were done by then."""

    env_epochs: int = 0
    last_time: float | None = None
    marks: deque[tuple[float, int]] = field(default_factory=_no_marks)

    def copy(self) -> Pace:
        return replace(self, marks=deque(self.marks, maxlen=FLEET_EPOCHS + 1))

    def start_fleet_epoch(self, time: float) -> None:
        self.marks.append((time, self.env_epochs))

    def add_env_epoch(self, time: float) -> None:
        self.env_epochs += 1
        self.last_time = time

    def rate_now(self) -> float | None:
        """Env epochs per second between the oldest mark and the newest; None before there are two."""
        if len(self.marks) < 2:
            return None
        (first_time, first), (last_time, last) = self.marks[0], self.marks[-1]
        return (last - first) / (last_time - first_time) if last_time > first_time else None

    def elapsed(self, started_at: float | None) -> float | None:
        """Seconds from the start to the newest env epoch; None before there is a span."""
        if started_at is None or self.last_time is None or not self.last_time > started_at:
            return None
        return self.last_time - started_at

    def rate_mean(self, started_at: float | None) -> float | None:
        """Env epochs per second from the start to the newest; None before the first."""
        elapsed = self.elapsed(started_at)
        return self.env_epochs / elapsed if elapsed else None
