"""Configuration of hosts and of the life of seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from esper.contracts.settings import check_settings, setting

OpMasks = Literal["succeeding", "possible"]
OP_MASKS: Final[tuple[OpMasks, ...]] = get_args(OpMasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthConfig:
    """Rules of the life of seeds (docs/reference/lifecycle.md)."""

    permissive_gates: bool = setting(True, "Whether gates G2, G3 and G5 leave out their strict checks of improvement.")
    auto_forward_g1: bool = setting(False, "Whether gate G1 is passed without waiting for ADVANCE.")
    auto_forward_g2: bool = setting(False, "Whether gate G2 is passed without waiting for ADVANCE.")
    auto_forward_g3: bool = setting(False, "Whether gate G3 is passed without waiting for ADVANCE.")
    min_training_epochs: int = setting(
        10, "How long a seed must have trained before G2 opens.", at_least=1, at_most=1_000_000, unit="epochs"
    )
    min_stage_epochs_strict: int = setting(
        3, "The extra age in their stage that strict G2 and G3 ask for.", at_least=0, at_most=1_000_000, unit="epochs"
    )
    min_stage_improvement: float = setting(
        0.5, "How much accuracy must have risen in the stage for strict G2.", at_least=-100, at_most=100, unit="points"
    )
    min_gradient_ratio: float = setting(
        0.10,
        "The smallest ratio of a seed's gradient to the host's that strict G2 lets pass.",
        at_least=0,
        at_most=1_000,
    )
    min_gradient_health: float = setting(
        0.7, "The smallest share of healthy gradients that strict G2 lets pass.", at_least=0, at_most=1
    )
    min_fossilize_contribution: float = setting(
        1.0,
        "The contribution from which committing a seed is worth something, to gate, reward and count alike.",
        at_least=-100,
        at_most=100,
        unit="points",
    )
    min_prune_age: int = setting(
        5, "The age from which a seed may be pruned.", at_least=0, at_most=1_000_000, unit="epochs"
    )
    embargo_epochs: int = setting(
        5, "How long a slot stays empty after a prune.", at_least=0, at_most=1_000_000, unit="epochs"
    )
    holding_timeout: int = setting(
        20,
        "How long a seed may stay in HOLDING before it is pruned; 0 sets no limit.",
        at_least=0,
        at_most=1_000_000,
        unit="epochs",
    )
    max_seeds: int = setting(
        0,
        "The most live and fossilised seeds that one host may hold; 0 sets no limit.",
        at_least=0,
        at_most=1_000,
        unit="seeds",
    )
    single_incubation: bool = setting(
        True, "Whether germination is refused while another slot is germinated, training or cooling down."
    )
    op_masks: OpMasks = setting(
        "succeeding", "Whether ops that their gate would refuse now are masked (succeeding) or may be tried (possible)."
    )
    layer_scale: float = setting(
        1e-3, "The initial gamma of a seed, which computes x + gamma * f(x).", above=0, at_most=1
    )

    def __post_init__(self) -> None:
        check_settings(self, "growth")

    @property
    def advance_disabled(self) -> bool:
        """ADVANCE has nothing to do when every gate is passed automatically."""
        return self.auto_forward_g1 and self.auto_forward_g2 and self.auto_forward_g3
