"""Configuration of the reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.constants import GAMMA
from esper.contracts.validation import require_fraction, require_non_negative, require_positive

RewardMode = Literal["shaped"]
RewardFamily = Literal["contribution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """Weights of the reward's components (docs/rewards.md gives each formula).

    gamma must equal ppo.gamma, otherwise the shaping does not telescope. timing_*: credit of a seed germinated in
    epoch g is multiplied by a factor that rises linearly from timing_discount_floor at g = 0 to 1 at
    g = timing_warmup_epochs; 0 warm-up epochs turn that off. disable_*: switches for ablation studies.
    """

    mode: RewardMode = "shaped"
    family: RewardFamily = "contribution"
    gamma: float = GAMMA
    contribution_weight: float = 1.0
    timing_discount_floor: float = 0.4
    timing_warmup_epochs: int = 10
    shaping_weight: float = 0.3
    rent_weight: float = 0.5
    max_rent: float = 1.5
    rent_host_params_floor: int = 200
    slot_overhead_share: float = 0.0039
    alpha_shock_weight: float = 0.1958
    max_alpha_shock: float = 1.0
    occupancy_rent: float = 0.01
    free_slots: int = 1
    fossilized_maintenance: float = 0.002
    germinate_cost: float = 0.15
    fossilize_cost: float = 0.01
    prune_cost: float = 0.005
    set_alpha_cost: float = 0.005
    terminal_accuracy_weight: float = 0.05
    clip: float = 10.0
    disable_shaping: bool = False
    disable_terminal: bool = False
    disable_anti_gaming: bool = False

    def __post_init__(self) -> None:
        require_fraction("reward", gamma=self.gamma, timing_discount_floor=self.timing_discount_floor)
        require_positive("reward", clip=self.clip, rent_host_params_floor=self.rent_host_params_floor)
        require_non_negative(
            "reward",
            contribution_weight=self.contribution_weight,
            timing_warmup_epochs=self.timing_warmup_epochs,
            shaping_weight=self.shaping_weight,
            rent_weight=self.rent_weight,
            max_rent=self.max_rent,
            slot_overhead_share=self.slot_overhead_share,
            alpha_shock_weight=self.alpha_shock_weight,
            max_alpha_shock=self.max_alpha_shock,
            occupancy_rent=self.occupancy_rent,
            free_slots=self.free_slots,
            fossilized_maintenance=self.fossilized_maintenance,
            germinate_cost=self.germinate_cost,
            fossilize_cost=self.fossilize_cost,
            prune_cost=self.prune_cost,
            set_alpha_cost=self.set_alpha_cost,
            terminal_accuracy_weight=self.terminal_accuracy_weight,
        )
