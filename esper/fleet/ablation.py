"""Ablation: which sets of seeds to switch off, so that their accuracies can be measured.

Legend: S slots.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from esper.contracts.counterfactual import AblationStrategy, SlotMask


def ablation_masks(active: SlotMask, committed: SlotMask, strategy: AblationStrategy | None) -> tuple[SlotMask, ...]:
    """The distinct sets of seeds to measure for one env; the first one is the network as it is.

    active, committed: as in CounterfactualMatrix.
    strategy: None measures the network as it is, and nothing else.
    """
    wanted = [active]
    if strategy is not None:
        wanted += _contributions(active, committed)
    if strategy == "pairs":
        wanted += _up_to_pairs(active)
    if strategy == "full":
        wanted += product(*((False, True) if on else (False,) for on in active))
    return tuple(dict.fromkeys(wanted))


def _contributions(active: SlotMask, committed: SlotMask) -> Iterator[SlotMask]:
    """Each seed alone off, all off, and only the fossilised ones on."""
    for off in _slots(active):
        yield tuple(on and slot != off for slot, on in enumerate(active))
    yield (False,) * len(active)
    yield tuple(on and fossil for on, fossil in zip(active, committed, strict=True))


def _up_to_pairs(active: SlotMask) -> Iterator[SlotMask]:
    """Each seed alone on, and each two seeds on."""
    for size in (1, 2):
        for chosen in combinations(_slots(active), size):
            yield tuple(slot in chosen for slot in range(len(active)))


def _slots(mask: SlotMask) -> list[int]:
    return [slot for slot, on in enumerate(mask) if on]
