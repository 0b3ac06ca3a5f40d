"""Configuration of the reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from esper.contracts.constants import GAMMA
from esper.contracts.validation import require_fraction, require_non_negative, require_one_of, require_positive
from esper.errors import ConfigError

RewardMode = Literal["shaped", "simplified", "basic", "basic_plus", "sparse", "minimal", "escrow"]
RewardFamily = Literal["contribution", "loss"]

REWARD_MODES: Final[tuple[RewardMode, ...]] = get_args(RewardMode)
REWARD_FAMILIES: Final[tuple[RewardFamily, ...]] = get_args(RewardFamily)
_TERMINAL_ONLY: Final = ("sparse", "minimal")


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """Which reward, and the weights of its components (docs/rewards.md gives each formula).

    mode belongs to the contribution family; the loss family has one form. gamma must equal ppo.gamma, otherwise the
    shaping does not telescope. timing_*: credit of a seed germinated in epoch g is multiplied by a factor that rises
    linearly from timing_discount_floor at g = 0 to 1 at g = timing_warmup_epochs; 0 warm-up epochs turn that off.
    fossilized_share: part of its measured contribution that a committed seed goes on being credited with.
    escrow_delta_clip: points per epoch by which a credit may move; 0 = no limit. param_budget: parameters that cost
    param_penalty_weight. drip_*: of BASIC_PLUS. loss_delta_std: typical change of the validation loss per epoch.
    loss_target_share: target loss as a share of the task's random-guess loss. disable_*: switches for ablation
    studies.
    """

    mode: RewardMode = "shaped"
    family: RewardFamily = "contribution"
    gamma: float = GAMMA
    contribution_weight: float = 1.0
    fossilized_share: float = 1.0
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
    auto_prune_penalty: float = 0.2
    terminal_accuracy_weight: float = 0.05
    terminal_gain_weight: float = 20.0
    hindsight_weight: float = 0.1
    max_hindsight_credit: float = 0.2
    escrow_delta_clip: float = 2.0
    param_budget: int = 500_000
    param_penalty_weight: float = 0.1
    basic_acc_delta_weight: float = 5.0
    drip_share: float = 0.7
    max_drip: float = 0.1
    max_drip_loss: float = 0.05
    sparse_scale: float = 1.0
    young_prune_penalty: float = 0.1
    intervention_cost: float = 0.01
    simplified_accuracy_weight: float = 0.03
    contributing_fossil_bonus: float = 2.0
    loss_delta_weight: float = 5.0
    loss_delta_std: float = 0.1
    max_loss_delta: float = 5.0
    loss_rent_weight: float = 0.05
    max_loss_rent: float = 5.0
    loss_shaping_weight: float = 0.1
    loss_terminal_weight: float = 1.0
    loss_target_share: float = 0.13
    clip: float = 10.0
    disable_shaping: bool = False
    disable_terminal: bool = False
    disable_anti_gaming: bool = False

    def __post_init__(self) -> None:
        require_one_of("reward", REWARD_MODES, mode=self.mode)
        require_one_of("reward", REWARD_FAMILIES, family=self.family)
        require_fraction(
            "reward",
            gamma=self.gamma,
            timing_discount_floor=self.timing_discount_floor,
            fossilized_share=self.fossilized_share,
            drip_share=self.drip_share,
        )
        require_positive(
            "reward",
            clip=self.clip,
            rent_host_params_floor=self.rent_host_params_floor,
            param_budget=self.param_budget,
            loss_delta_std=self.loss_delta_std,
            max_loss_delta=self.max_loss_delta,
        )
        self._check_weights()
        self._check_combinations()

    @property
    def potential_weight(self) -> float:
        """Weight of the shaping in the configured family."""
        return self.loss_shaping_weight if self.family == "loss" else self.shaping_weight

    def _check_weights(self) -> None:
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
            auto_prune_penalty=self.auto_prune_penalty,
            terminal_accuracy_weight=self.terminal_accuracy_weight,
            terminal_gain_weight=self.terminal_gain_weight,
            hindsight_weight=self.hindsight_weight,
            max_hindsight_credit=self.max_hindsight_credit,
            escrow_delta_clip=self.escrow_delta_clip,
            param_penalty_weight=self.param_penalty_weight,
            basic_acc_delta_weight=self.basic_acc_delta_weight,
            max_drip=self.max_drip,
            max_drip_loss=self.max_drip_loss,
            sparse_scale=self.sparse_scale,
            young_prune_penalty=self.young_prune_penalty,
            intervention_cost=self.intervention_cost,
            simplified_accuracy_weight=self.simplified_accuracy_weight,
            contributing_fossil_bonus=self.contributing_fossil_bonus,
            loss_delta_weight=self.loss_delta_weight,
            loss_rent_weight=self.loss_rent_weight,
            max_loss_rent=self.max_loss_rent,
            loss_shaping_weight=self.loss_shaping_weight,
            loss_terminal_weight=self.loss_terminal_weight,
        )

    def _check_combinations(self) -> None:
        if not 0 <= self.loss_target_share < 1:
            raise ConfigError(
                f"reward.loss_target_share is {self.loss_target_share!r}: it must be 0 or more and below 1, because "
                "the target loss lies below the random-guess loss"
            )
        if self.family == "loss" and self.mode != "shaped":
            raise ConfigError(
                f"reward.mode is {self.mode!r} and reward.family is 'loss': the loss family has one form; leave "
                "reward.mode at 'shaped', or set reward.family to 'contribution'"
            )
        if self.disable_terminal and self.mode in _TERMINAL_ONLY:
            raise ConfigError(
                f"reward.disable_terminal is set and reward.mode is {self.mode!r}: that mode pays at the end only; "
                "choose another mode"
            )
