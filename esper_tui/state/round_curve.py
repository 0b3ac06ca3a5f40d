"""The reducer's learning curve: mean validation accuracy of the fleet per host epoch, this round and the last."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from esper.telemetry.events import EpochCompleted


@dataclass(slots=True, kw_only=True)
class RoundCurve:
    """sums: per epoch, the sum of accuracies and how many envs reported.
    previous: the last round's curve.
    """

    batch: int | None = None
    sums: dict[int, tuple[float, int]] = field(default_factory=dict[int, tuple[float, int]])
    previous: tuple[float, ...] = ()
    points: tuple[float, ...] | None = None

    def copy(self) -> RoundCurve:
        return replace(self, sums=dict(self.sums))

    def add(self, payload: EpochCompleted) -> None:
        if payload.batch != self.batch:
            self.previous = self._means()
            self.batch = payload.batch
            self.sums.clear()
        total, count = self.sums.get(payload.epoch, (0.0, 0))
        self.sums[payload.epoch] = (total + payload.val_accuracy, count + 1)
        self.points = None

    def current_points(self) -> tuple[float, ...]:
        """Means of the epochs that are over: the newest epoch counts only once as many envs as ever reported it."""
        if self.points is None:
            self.points = self._means()
        return self.points

    def _means(self) -> tuple[float, ...]:
        sums = [self.sums[epoch] for epoch in sorted(self.sums)]
        if len(sums) > 1 and sums[-1][1] < sums[-2][1]:
            sums = sums[:-1]
        return tuple(total / count for total, count in sums)
