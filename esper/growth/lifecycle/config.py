"""Configuration of hosts and of the life of seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from esper.contracts.validation import require_non_negative, require_one_of, require_positive

OpMasks = Literal["succeeding", "possible"]
OP_MASKS: Final[tuple[OpMasks, ...]] = get_args(OpMasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthConfig:
    """Rules of the seed lifecycle. Times are in epochs.

    permissive_gates: G2, G3 and G5 without their strict improvement checks. auto_forward_*: pass that gate without
    waiting for ADVANCE. min_training_epochs: epochs in TRAINING before G2 opens. min_stage_epochs_strict: extra age
    that strict G2 and G3 ask. holding_timeout: prune a seed that has sat in HOLDING this long; 0 = never.
    max_seeds: live plus fossilised seeds per env; 0 = unlimited. single_incubation: refuse GERMINATE while another
    slot is germinated, training or cooling down. op_masks: succeeding masks an ADVANCE or FOSSILIZE that its gate would
    refuse now; possible masks only what has no meaning, and a gate refuses when it is tried. layer_scale: initial gamma
    of x + gamma * f(x).
    """

    permissive_gates: bool = True
    auto_forward_g1: bool = False
    auto_forward_g2: bool = False
    auto_forward_g3: bool = False
    min_training_epochs: int = 10
    min_stage_epochs_strict: int = 3
    min_stage_improvement: float = 0.5
    min_gradient_ratio: float = 0.10
    min_gradient_health: float = 0.7
    min_fossilize_contribution: float = 1.0
    min_prune_age: int = 5
    embargo_epochs: int = 5
    holding_timeout: int = 20
    max_seeds: int = 0
    single_incubation: bool = True
    op_masks: OpMasks = "succeeding"
    layer_scale: float = 1e-3

    def __post_init__(self) -> None:
        require_one_of("growth", OP_MASKS, op_masks=self.op_masks)
        require_positive("growth", layer_scale=self.layer_scale, min_training_epochs=self.min_training_epochs)
        require_non_negative(
            "growth",
            min_stage_epochs_strict=self.min_stage_epochs_strict,
            min_prune_age=self.min_prune_age,
            embargo_epochs=self.embargo_epochs,
            holding_timeout=self.holding_timeout,
            max_seeds=self.max_seeds,
        )

    @property
    def advance_disabled(self) -> bool:
        """ADVANCE has nothing to do when every gate is passed automatically."""
        return self.auto_forward_g1 and self.auto_forward_g2 and self.auto_forward_g3
