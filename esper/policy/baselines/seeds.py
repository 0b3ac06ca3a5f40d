"""What the baselines need to know about seeds: which of them live, which may move on, and when a ramp is over."""

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
    """The seeds whose fate is open, with their slots, in slot order."""
    for slot, seed in enumerate(view.slots):
        if seed is not None and seed.stage in LIVE_STAGES:
            yield slot, seed


def ramp_is_over(seed: SeedInfo) -> bool:
    """Whether alpha rests at its target, and this target is not 0."""
    rests = seed.alpha_mode is AlphaMode.HOLD
    return rests and seed.alpha_target > ALPHA_TOLERANCE and abs(seed.alpha - seed.alpha_target) <= ALPHA_TOLERANCE


def may_advance(seed: SeedInfo, config: GrowthConfig) -> bool:
    """Whether the seed has done what its stage requires. Until then, a gate would only refuse to open."""
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
    """ADVANCE if the seed may advance, else WAIT."""
    return on_slot(legal, Op.ADVANCE, slot) if may_advance(seed, config) else WAIT


def epochs_to_holding(config: GrowthConfig, tempo: Tempo) -> int:
    """The epochs from germination to HOLDING if nothing is refused: one to wake, training, the ramp, one to arrive."""
    return 2 + config.min_training_epochs + TEMPO_EPOCHS[tempo]
