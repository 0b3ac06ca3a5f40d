"""What seeds are worth: the figures of one ablation matrix, and spreads over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from esper.contracts.student import half_width_factor
from esper.telemetry.events import CounterfactualMatrixComputed


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Mean of some seeds' figures, percentage points.

    half_width: of the 95 % interval of the mean; None below two seeds.
    """

    count: int
    mean: float
    half_width: float | None


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and sum of squares, from which a Spread follows; adding makes a new record."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, value: float | None) -> Moments:
        """With one more value; a missing or non-finite one is left out."""
        if value is None or not math.isfinite(value):
            return self
        return Moments(self.count + 1, self.total + value, self.squares + value * value)

    def spread(self) -> Spread | None:
        """None before the first value."""
        if not self.count:
            return None
        mean = self.total / self.count
        if self.count < 2:
            return Spread(count=1, mean=mean, half_width=None)
        variance = max(0.0, self.squares - self.count * mean * mean) / (self.count - 1)
        return Spread(
            count=self.count, mean=mean, half_width=half_width_factor(self.count) * math.sqrt(variance / self.count)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotWorth:
    """What the seed in one slot brought in one ablation, percentage points; None: not measured.

    solo: accuracy with it alone, minus that of the host without seeds.
    drop_one: accuracy with all active seeds, minus that without this one.
    """

    slot_id: str
    active: bool
    solo: float | None
    drop_one: float | None
    shapley: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairWorth:
    """How two seeds of an env work together, percentage points; negative: they interfere."""

    first: str
    second: str
    interaction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixFigures:
    """One ablation, worked out.

    on, off: validation accuracy with all active seeds and with none, percent.
    shapley_total: sum over the slots; it should equal on minus off.
    measured, possible: sets of active seeds that were measured, and that there are.
    """

    slots: tuple[SlotWorth, ...]
    pairs: tuple[PairWorth, ...]
    on: float | None
    off: float | None
    shapley_total: float | None
    measured: int
    possible: int

    @property
    def residue(self) -> float | None:
        """What the Shapley values miss of on minus off, percentage points."""
        if self.shapley_total is None or self.on is None or self.off is None:
            return None
        return self.shapley_total - (self.on - self.off)


def matrix_figures(matrix: CounterfactualMatrixComputed) -> MatrixFigures:
    """Solo, drop-one, Shapley and pair figures of a matrix."""
    accuracies = {
        frozenset(index for index, on in enumerate(config.slots_on) if on): config.accuracy for config in matrix.configs
    }
    active = frozenset(index for index, on in enumerate(matrix.active) if on)
    on, off = accuracies.get(active), accuracies.get(frozenset())
    slots = tuple(
        SlotWorth(
            slot_id=slot_id,
            active=index in active,
            solo=_minus(accuracies.get(frozenset({index})), off) if index in active else None,
            drop_one=_minus(on, accuracies.get(active - {index})) if index in active else None,
            shapley=matrix.shapley[index] if index < len(matrix.shapley) else None,
        )
        for index, slot_id in enumerate(matrix.slot_ids)
    )
    values = [slot.shapley for slot in slots if slot.shapley is not None]
    return MatrixFigures(
        slots=slots,
        pairs=_pairs(matrix, accuracies, sorted(active)),
        on=on,
        off=off,
        shapley_total=sum(values) if values else None,
        measured=sum(1 for config in accuracies if config <= active),
        possible=2 ** len(active),
    )


def _pairs(
    matrix: CounterfactualMatrixComputed, accuracies: dict[frozenset[int], float], active: list[int]
) -> tuple[PairWorth, ...]:
    found: list[PairWorth] = []
    none = accuracies.get(frozenset())
    for place, first in enumerate(active):
        for second in active[place + 1 :]:
            both = accuracies.get(frozenset({first, second}))
            alone = accuracies.get(frozenset({first})), accuracies.get(frozenset({second}))
            if both is None or none is None or alone[0] is None or alone[1] is None:
                continue
            names = matrix.slot_ids[first], matrix.slot_ids[second]
            found.append(PairWorth(first=names[0], second=names[1], interaction=both - alone[0] - alone[1] + none))
    return tuple(found)


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
