"""What ablation measured for one env: accuracies with some seeds switched off, and every number derived from them.

A configuration is named by the slots that were on. One kind of record therefore holds solo-off, solo-on, pairs,
committed and the full factorial alike, and each derived number has one formula, here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Literal

SlotMask = tuple[bool, ...]
"""One bool per slot, in slot order: whether the slot's seed was switched on."""

AblationStrategy = Literal["contributions", "pairs", "full"]
"""What is measured, beside the network as it is, for an env with n active seeds.

contributions: each seed alone switched off, all switched off, and only the fossilised ones on.
pairs: the same, and also each seed alone on and each two of them on; up to n = 4, these are all sets of seeds.
full: all 2**n sets of seeds.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedAccuracy:
    """Validation accuracy (percent) with exactly the seeds of slots_on in the forward path."""

    slots_on: SlotMask
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterfactualMatrix:
    """All configurations measured for one env in one epoch.

    active: the slots whose seed can change the output now (alpha above zero).
    committed: the slots that hold a fossilised seed.
    measurements: each mask once. No mask switches on a slot that is not active.
    """

    active: SlotMask
    committed: SlotMask
    measurements: tuple[MaskedAccuracy, ...]

    def accuracy(self, slots_on: SlotMask) -> float | None:
        """Accuracy with these seeds on, or None if that was not measured."""
        for measurement in self.measurements:
            if measurement.slots_on == slots_on:
                return measurement.accuracy
        return None

    @property
    def main(self) -> float:
        """Accuracy of the network as it is, in percent."""
        value = self.accuracy(self.active)
        assert value is not None, "the main configuration is measured every epoch"
        return value

    @property
    def all_off(self) -> float | None:
        return self.accuracy(tuple(False for _ in self.active))

    @property
    def committed_accuracy(self) -> float | None:
        """Accuracy with only fossilised seeds on."""
        return self.accuracy(tuple(a and c for a, c in zip(self.active, self.committed, strict=True)))

    def solo_off(self, slot: int) -> float | None:
        """Accuracy with this slot's seed off and all others as they are."""
        return self.accuracy(tuple(on and i != slot for i, on in enumerate(self.active)))

    def solo_on(self, slot: int) -> float | None:
        """Accuracy with only this slot's seed on."""
        return self.accuracy(tuple(on and i == slot for i, on in enumerate(self.active)))

    def contribution(self, slot: int) -> float | None:
        """The percentage points that this seed adds: main minus solo-off. None while the seed is not active."""
        if not self.active[slot]:
            return None
        without = self.solo_off(slot)
        return None if without is None else self.main - without

    def contributions(self) -> tuple[float | None, ...]:
        """The contribution of every slot's seed, in slot order."""
        return tuple(self.contribution(slot) for slot in range(len(self.active)))

    def total_contribution(self) -> float | None:
        """The percentage points that all seeds add together: main minus all-off. None without an active seed."""
        if not any(self.active) or self.all_off is None:
            return None
        return self.main - self.all_off

    @property
    def active_slots(self) -> tuple[int, ...]:
        """The numbers of the active slots."""
        return tuple(slot for slot, on in enumerate(self.active) if on)

    @property
    def is_full_factorial(self) -> bool:
        """Whether every set of active seeds was measured."""
        return len(self.measurements) == 2 ** len(self.active_slots)

    def shapley(self) -> tuple[float | None, ...]:
        """The Shapley value of each slot's seed, in percentage points.

        It is the seed's mean marginal accuracy over all orders in which the active seeds could have been added
        (Shapley 1953). The values sum to total_contribution(). A slot without an active seed has None, and so has every
        slot unless all sets of active seeds were measured.
        """
        if not self.is_full_factorial:
            return (None,) * len(self.active)
        known = {item.slots_on: item.accuracy for item in self.measurements}
        return tuple(self._shapley(slot, known) if on else None for slot, on in enumerate(self.active))

    def _shapley(self, slot: int, known: dict[SlotMask, float]) -> float:
        """The sum over all sets s of other active seeds of |s|! (n - |s| - 1)! / n! * (acc(s and slot) - acc(s))."""
        others = [other for other in self.active_slots if other != slot]
        n = len(others) + 1
        value = 0.0
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for chosen in combinations(others, size):
                value += weight * (known[self._mask(*chosen, slot)] - known[self._mask(*chosen)])
        return value

    def _mask(self, *slots: int) -> SlotMask:
        return tuple(slot in slots for slot in range(len(self.active)))

    def interaction(self, first: int, second: int) -> float | None:
        """acc(pair) - acc(only first) - acc(only second) + acc(none), in points; None unless all four are known."""
        pair = self.accuracy(tuple(on and i in (first, second) for i, on in enumerate(self.active)))
        only_first, only_second, none = self.solo_on(first), self.solo_on(second), self.all_off
        if pair is None or only_first is None or only_second is None or none is None:
            return None
        return pair - only_first - only_second + none
