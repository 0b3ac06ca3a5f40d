"""Configuration of the reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.constants import GAMMA
from esper.contracts.validation import require_fraction, require_non_negative

RewardMode = Literal["shaped"]
RewardFamily = Literal["contribution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """Weights of the reward's components (docs/rewards.md gives each formula).

    gamma must equal ppo.gamma, otherwise the shaping does not telescope. disable_*: switches for ablation studies.
    """

    mode: RewardMode = "shaped"
    family: RewardFamily = "contribution"
    gamma: float = GAMMA
    contribution_weight: float = 1.0
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
        require_fraction("reward", gamma=self.gamma)
        require_non_negative(
            "reward",
            shaping_weight=self.shaping_weight,
            rent_weight=self.rent_weight,
            max_rent=self.max_rent,
            rent_host_params_floor=self.rent_host_params_floor,
            alpha_shock_weight=self.alpha_shock_weight,
            clip=self.clip,
        )
