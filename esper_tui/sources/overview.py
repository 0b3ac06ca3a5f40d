"""A whole recording at a glance, for the replay bar: accuracy by position, where rounds end, where alarms are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from esper.history.event_index import EventIndex
from esper.telemetry.events import EventKind

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


def overview(index: EventIndex) -> Overview:
    """What is known of a recording at a glance."""
    last = index.epoch_at(len(index))
    return Overview(
        length=len(index),
        accuracies=_mean_accuracies(np.array(index.accuracies, dtype=np.float64)),
        alarms=index.alerts(),
        last_batch=None if last is None else last.batch,
        has_end=index.has_kind(EventKind.TRAINING_ENDED),
        seconds=index.times[-1] - index.times[0] if len(index) else 0.0,
    )


def _mean_accuracies(accuracies: np.ndarray) -> tuple[float | None, ...]:
    """The mean of each of CELLS equal parts, over what is a number."""
    known = np.flatnonzero(~np.isnan(accuracies))
    cells = known * CELLS // max(1, len(accuracies))
    sums = np.bincount(cells, weights=accuracies[known], minlength=CELLS)
    counts = np.bincount(cells, minlength=CELLS)
    return tuple(float(total / count) if count else None for total, count in zip(sums, counts, strict=True))
