"""What the baselines ask about seeds: which live, which may move on, and when a ramp is over."""

from __future__ import annotations

from collections.abc import Iterator

from esper.contracts.actions import TEMPO_EPOCHS, AlphaMode, Op, Tempo
from esper.contracts.constants import ALPHA_TOLERANCE
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import LIVE_STAGES, SeedStage
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.predicates import GardenView
from esper.policy.baselines.rule import WAIT, Choice, on_slot
from esper.policy.legal import LegalChoices


def live_seeds(view: GardenView) -> Iterator[tuple[int, SeedInfo]]:
    """Seeds whose fate is open, with their slots, in slot order."""
    for slot, seed in enumerate(view.slots):
        if seed is not None and seed.stage in LIVE_STAGES:
            yield slot, seed


def ramp_is_over(seed: SeedInfo) -> bool:
    """Alpha rests at its target, which is not 0."""
    rests = seed.alpha_mode is AlphaMode.HOLD
    return rests and seed.alpha_target > ALPHA_TOLERANCE and abs(seed.alpha - seed.alpha_target) <= ALPHA_TOLERANCE


def may_advance(seed: SeedInfo, config: GrowthConfig) -> bool:
    """The seed has done what its stage asks: asking any earlier would only be refused by a gate."""
    match seed.stage:
        case SeedStage.GERMINATED:
            return True
        case SeedStage.TRAINING:
            strict = 0 if config.permissive_gates else config.min_stage_epochs_strict
            return seed.epochs_in_stage >= max(config.min_training_epochs, strict)
        case SeedStage.BLENDING:
            return ramp_is_over(seed)
        case _:
            return False


def move_on(slot: int, seed: SeedInfo, config: GrowthConfig, legal: LegalChoices) -> Choice:
    """ADVANCE once the seed may, else WAIT."""
    return on_slot(legal, Op.ADVANCE, slot) if may_advance(seed, config) else WAIT


def epochs_to_holding(config: GrowthConfig, tempo: Tempo) -> int:
    """Epochs from a germination to HOLDING when nothing is refused: one to wake, training, the ramp, one to arrive."""
    return 2 + config.min_training_epochs + TEMPO_EPOCHS[tempo]
