"""The seeds of seeded cases: mixed blueprints and stages in every slot of every env.

Consecutive envs and slots take the next of four blueprints. Stages shift by one with every slot, and alternate between
two neighbours with every round of blueprints. For E = 8 and its multiples, the banks and what happens in them are
therefore the same whatever E is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import torch

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.contracts.randomness import derive_seed
from esper.growth.lifecycle.state import SlotControl

BLUEPRINTS: Final = (Blueprint.NORM, Blueprint.ATTENTION, Blueprint.DEPTHWISE, Blueprint.CONV_LIGHT)

TRAINING: Final = SlotControl(
    alpha=0.0,
    straight_through=True,
    isolate=True,
    frozen=False,
    committed=False,
    algorithm=AlphaAlgorithm.ADD,
)
BLENDING: Final = replace(TRAINING, straight_through=False, alpha=0.5)
FOSSILIZED: Final = replace(BLENDING, isolate=False, committed=True, alpha=1.0)
STAGES: Final = (TRAINING, BLENDING, FOSSILIZED)


def blueprint_of(env: int, slot: int) -> Blueprint:
    """What grows in this slot of this env."""
    return BLUEPRINTS[(env + slot) % len(BLUEPRINTS)]


def control_of(env: int, slot: int) -> SlotControl:
    """How this seed runs."""
    return STAGES[(slot + env // len(BLUEPRINTS) % 2) % len(STAGES)]


def seed_generator(env: int, slot: int) -> torch.Generator:
    """The generator from which this seed is initialised."""
    return torch.Generator().manual_seed(derive_seed(1, "bench seed", env, slot))
