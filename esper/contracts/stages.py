"""The life of a seed: stages, the legal edges between them, and named groups of stages."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class SeedStage(IntEnum):
    """Where a seed is in its life. Value 5 is retired, and a file that contains it is refused."""

    UNKNOWN = 0
    DORMANT = 1
    GERMINATED = 2
    TRAINING = 3
    BLENDING = 4
    HOLDING = 6
    FOSSILIZED = 7
    PRUNED = 8
    EMBARGOED = 9
    RESETTING = 10


TRANSITIONS: Final[dict[SeedStage, frozenset[SeedStage]]] = {
    SeedStage.UNKNOWN: frozenset({SeedStage.DORMANT}),
    SeedStage.DORMANT: frozenset({SeedStage.GERMINATED}),
    SeedStage.GERMINATED: frozenset({SeedStage.TRAINING, SeedStage.PRUNED}),
    SeedStage.TRAINING: frozenset({SeedStage.BLENDING, SeedStage.PRUNED}),
    SeedStage.BLENDING: frozenset({SeedStage.HOLDING, SeedStage.PRUNED}),
    SeedStage.HOLDING: frozenset({SeedStage.FOSSILIZED, SeedStage.BLENDING, SeedStage.PRUNED}),
    SeedStage.FOSSILIZED: frozenset(),
    SeedStage.PRUNED: frozenset({SeedStage.EMBARGOED}),
    SeedStage.EMBARGOED: frozenset({SeedStage.RESETTING}),
    SeedStage.RESETTING: frozenset({SeedStage.DORMANT}),
}

STAGE_ORDER: Final[tuple[SeedStage, ...]] = tuple(SeedStage)
"""Order of the one-hot stage feature (ten wide, the retired value 5 skipped)."""

LIVE_STAGES: Final = frozenset({SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.BLENDING, SeedStage.HOLDING})
"""A seed exists and its fate is open: it can still be pruned."""

ACTIVE_STAGES: Final = frozenset({SeedStage.TRAINING, SeedStage.BLENDING, SeedStage.HOLDING, SeedStage.FOSSILIZED})
"""The seed's module takes part in the forward pass of training."""

FORWARD_STAGES: Final = frozenset({SeedStage.BLENDING, SeedStage.HOLDING, SeedStage.FOSSILIZED})
"""The seed's module can change the output of the host (alpha may be above zero)."""

COOLDOWN_STAGES: Final = frozenset({SeedStage.PRUNED, SeedStage.EMBARGOED, SeedStage.RESETTING})
"""The slot is occupied by the memory of a pruned seed; the module is gone."""


def is_legal_transition(source: SeedStage, target: SeedStage) -> bool:
    """Whether a seed may go from source to target in one step.

    >>> is_legal_transition(SeedStage.HOLDING, SeedStage.FOSSILIZED)
    True
    >>> is_legal_transition(SeedStage.BLENDING, SeedStage.FOSSILIZED)
    False
    """
    return target in TRANSITIONS[source]
