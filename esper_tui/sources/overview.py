"""A whole recording at a glance, for the replay bar: accuracy by position, where rounds end, where alarms are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from esper.telemetry.events import AnomalyDetected, EpochCompleted, Event, GovernorRollback, TrainingEnded

CELLS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Positions count events from the start.

    accuracies: mean validation accuracy, percent, of each of CELLS equal parts of the recording; None without any.
    alarms: positions right after the trainer's alarms and the governor's rollbacks.
    last_batch: the newest round; None before the first.
    has_end: the recording holds the event that ends a run.
    seconds: from its first event to its last.
    """

    length: int
    accuracies: tuple[float | None, ...]
    alarms: tuple[int, ...]
    last_batch: int | None
    has_end: bool
    seconds: float


def overview(events: Sequence[Event]) -> Overview:
    """One pass over the recording."""
    sums = [(0.0, 0)] * CELLS
    alarms: list[int] = []
    last_batch: int | None = None
    has_end = False
    for index, event in enumerate(events):
        match event.payload:
            case EpochCompleted():
                cell = index * CELLS // len(events)
                total, count = sums[cell]
                sums[cell] = (total + event.payload.val_accuracy, count + 1)
                last_batch = event.payload.batch
            case AnomalyDetected() | GovernorRollback():
                alarms.append(index + 1)
            case TrainingEnded():
                has_end = True
            case _:
                pass
    return Overview(
        length=len(events),
        accuracies=tuple(total / count if count else None for total, count in sums),
        alarms=tuple(alarms),
        last_batch=last_batch,
        has_end=has_end,
        seconds=events[-1].time - events[0].time if events else 0.0,
    )
