"""Configuration of the reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from esper.contracts.constants import GAMMA
from esper.contracts.settings import check_settings, setting, shown
from esper.errors import ConfigError
from esper.rewards.modes import mode_parts

RewardMode = Literal["shaped", "simplified", "basic", "basic_plus", "sparse", "minimal", "escrow"]
RewardFamily = Literal["contribution", "loss"]

REWARD_MODES: Final[tuple[RewardMode, ...]] = get_args(RewardMode)
REWARD_FAMILIES: Final[tuple[RewardFamily, ...]] = get_args(RewardFamily)
PRICED_MODES: Final = ("shaped", "escrow")
"""The modes that charge a price of size, where there is one."""
_TERMINAL_ONLY: Final = ("sparse", "minimal")


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """Which reward, and the weights of its components (docs/rewards.md gives each formula).

    The mode belongs to the contribution family; the loss family has one form.
    """

    mode: str = setting(
        "shaped",
        f"What hosts are paid for in the contribution family: {', '.join(REWARD_MODES)}, a plug-in's mode, or a sum of "
        "modes and components such as basic+synergy_bonus.",
    )
    family: RewardFamily = setting(
        "contribution", "Whether hosts are paid for what their seeds contribute, or for a falling loss."
    )
    gamma: float = setting(
        GAMMA,
        "The discount of the reward's shaping, which must equal ppo.gamma or the shaping does not telescope.",
        at_least=0,
        at_most=1,
    )
    contribution_weight: float = setting(1.0, "The weight of what a seed contributes.", at_least=0, at_most=1_000)
    fossilized_share: float = setting(
        1.0,
        "The part of its measured contribution that a committed seed goes on being credited with.",
        at_least=0,
        at_most=1,
    )
    timing_discount_floor: float = setting(
        0.4, "The credit factor of a seed that is germinated at the very start of the episode.", at_least=0, at_most=1
    )
    timing_warmup_epochs: int = setting(
        10,
        "The epochs over which that factor rises to 1; 0 gives full credit from the start.",
        at_least=0,
        at_most=1_000_000,
        unit="epochs",
    )
    shaping_weight: float = setting(
        0.3, "The weight of the potential-based shaping in the contribution family.", at_least=0, at_most=1_000
    )
    rent_weight: float = setting(0.5, "The weight of the rent on parameters that seeds add.", at_least=0, at_most=1_000)
    max_rent: float = setting(1.5, "The largest rent that one step can cost.", at_least=0, at_most=1_000)
    rent_host_params_floor: int = setting(
        200,
        "The smallest host size that rent is measured against, so that tiny hosts are not overcharged.",
        at_least=1,
        at_most=1_000_000_000_000,
        unit="parameters",
    )
    slot_overhead_share: float = setting(
        0.0039,
        "The share of the host's size that an occupied slot costs beside its parameters.",
        at_least=0,
        at_most=100,
    )
    alpha_shock_weight: float = setting(
        0.1958, "The weight of the penalty on sudden changes of alpha.", at_least=0, at_most=1_000
    )
    max_alpha_shock: float = setting(
        1.0, "The largest penalty on changes of alpha in one step.", at_least=0, at_most=1_000
    )
    occupancy_rent: float = setting(
        0.01, "The price per step of each occupied slot beyond the free ones.", at_least=0, at_most=1_000
    )
    free_slots: int = setting(1, "How many occupied slots cost nothing.", at_least=0, at_most=1_000, unit="slots")
    fossilized_maintenance: float = setting(
        0.002, "The price per step of each fossilised seed.", at_least=0, at_most=1_000
    )
    germinate_cost: float = setting(0.15, "The price of germinating a seed.", at_least=0, at_most=1_000)
    fossilize_cost: float = setting(0.01, "The price of fossilising a seed.", at_least=0, at_most=1_000)
    prune_cost: float = setting(0.005, "The price of pruning a seed.", at_least=0, at_most=1_000)
    set_alpha_cost: float = setting(0.005, "The price of setting a seed's alpha target.", at_least=0, at_most=1_000)
    auto_prune_penalty: float = setting(
        0.2, "The penalty when the environment and not the policy prunes a seed.", at_least=0, at_most=1_000
    )
    terminal_accuracy_weight: float = setting(
        0.05, "The weight of the final validation accuracy at the end of an episode.", at_least=0, at_most=1_000
    )
    terminal_gain_weight: float = setting(
        60.0,
        "What replaces it where control hosts are trained: the pay at the end for each point above the control host.",
        at_least=0,
        at_most=1_000,
    )
    hindsight_weight: float = setting(
        0.1,
        "The weight of the credit for seeds that helped others before they were removed.",
        at_least=0,
        at_most=1_000,
    )
    max_hindsight_credit: float = setting(0.2, "The largest hindsight credit of one grant.", at_least=0, at_most=1_000)
    escrow_delta_clip: float = setting(
        2.0, "How fast a credit in escrow may move; 0 sets no limit.", at_least=0, at_most=100, unit="points per epoch"
    )
    param_budget: int = setting(
        500_000,
        "How many parameters cost param_penalty_weight.",
        at_least=1,
        at_most=1_000_000_000_000,
        unit="parameters",
    )
    param_penalty_weight: float = setting(0.1, "The price of a whole parameter budget.", at_least=0, at_most=1_000)
    basic_acc_delta_weight: float = setting(
        5.0, "The weight of the change of accuracy in the basic modes.", at_least=0, at_most=1_000
    )
    drip_share: float = setting(
        0.7, "The part of a fossilised seed's credit that BASIC_PLUS pays out step by step.", at_least=0, at_most=1
    )
    max_drip: float = setting(0.1, "The most that BASIC_PLUS pays in one step.", at_least=0, at_most=1_000)
    max_drip_loss: float = setting(0.05, "The most that BASIC_PLUS takes back in one step.", at_least=0, at_most=1_000)
    sparse_scale: float = setting(1.0, "The scale of the single payment of the sparse mode.", at_least=0, at_most=1_000)
    young_prune_penalty: float = setting(
        0.1, "The penalty for pruning a seed before it could be judged.", at_least=0, at_most=1_000
    )
    intervention_cost: float = setting(
        0.01, "The price of any op but WAIT in the minimal and simplified modes.", at_least=0, at_most=1_000
    )
    simplified_accuracy_weight: float = setting(
        0.03, "The weight of the final accuracy in the simplified mode.", at_least=0, at_most=1_000
    )
    contributing_fossil_bonus: float = setting(
        2.0, "The bonus at the end of an episode for each fossilised seed that contributes.", at_least=0, at_most=1_000
    )
    loss_delta_weight: float = setting(
        5.0, "The weight of the falling loss in the loss family.", at_least=0, at_most=1_000
    )
    loss_delta_std: float = setting(
        0.1,
        "The typical change of the validation loss in one epoch, by which changes are divided.",
        above=0,
        at_most=1_000,
    )
    max_loss_delta: float = setting(
        5.0, "The largest change of the loss, in typical changes, that one step is paid for.", above=0, at_most=1_000
    )
    loss_rent_weight: float = setting(
        0.05, "The weight of the rent on parameters in the loss family.", at_least=0, at_most=1_000
    )
    max_loss_rent: float = setting(
        5.0, "The largest rent that one step can cost in the loss family.", at_least=0, at_most=1_000
    )
    loss_shaping_weight: float = setting(
        0.1, "The weight of the potential-based shaping in the loss family.", at_least=0, at_most=1_000
    )
    loss_terminal_weight: float = setting(
        1.0, "The weight of the final loss in the loss family.", at_least=0, at_most=1_000
    )
    loss_target_share: float = setting(
        0.13, "The target loss as a share of the task's random-guess loss, below which it lies.", at_least=0, below=1
    )
    clip: float = setting(10.0, "The bound at which normalised rewards are clipped.", above=0, at_most=1_000_000)
    disable_shaping: bool = setting(False, "Whether the potential-based shaping is left out, for ablation studies.")
    disable_terminal: bool = setting(
        False, "Whether payments at the end of an episode are left out, for ablation studies."
    )
    disable_anti_gaming: bool = setting(
        False, "Whether the penalties against exploits are left out, for ablation studies."
    )

    def __post_init__(self) -> None:
        check_settings(self, "reward")
        mode_parts(self.mode)
        self._check_combinations()

    @property
    def potential_weight(self) -> float:
        """Weight of the shaping in the configured family."""
        return self.loss_shaping_weight if self.family == "loss" else self.shaping_weight

    def _check_combinations(self) -> None:
        if self.family == "loss" and self.mode != "shaped":
            raise ConfigError(
                f"reward.mode is {shown(self.mode)} and reward.family is 'loss': the loss family has one form; leave "
                "reward.mode at 'shaped', or set reward.family to 'contribution'"
            )
        if self.disable_terminal and self.mode in _TERMINAL_ONLY:
            raise ConfigError(
                f"reward.disable_terminal is set and reward.mode is {shown(self.mode)}: that mode pays at the end "
                "only; choose another mode"
            )
