"""What seeds cost: rent for parameters and slots, upkeep, shocks of alpha, and neglect.

No term here is ever positive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from esper.contracts.actions import Op
from esper.contracts.conditions import PARAMETERS_PER_PRICE
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import FORWARD_STAGES, SeedStage
from esper.rewards.config import RewardConfig
from esper.rewards.types import ContributionRewardInputs, RewardInputs, SlotRewardInputs


def effective_params(seed: SeedInfo | None, host_params: int, config: RewardConfig) -> float:
    """The parameters that a slot is charged for: slot_overhead_share * host + alpha * seed from BLENDING on, else 0."""
    if seed is None or seed.stage not in FORWARD_STAGES:
        return 0.0
    return config.slot_overhead_share * host_params + seed.alpha * seed.parameter_count


def alpha_shock_sum(slots: Iterable[SlotRewardInputs], host_params: int, config: RewardConfig) -> float:
    """The sum over slots of alpha_delta**2 * previous_params / max(host, rent_host_params_floor)."""
    weighted = sum(slot.alpha_delta * slot.alpha_delta * slot.previous_params for slot in slots)
    return weighted / max(host_params, config.rent_host_params_floor)


def compute_rent(inputs: ContributionRewardInputs) -> float:
    """In each epoch, -min(rent_weight * ln(1 + effective parameters / max(host, rent_host_params_floor)), max_rent)."""
    config = inputs.config
    share = inputs.effective_seed_params / max(inputs.host_params, config.rent_host_params_floor)
    return -min(config.rent_weight * math.log1p(share), config.max_rent)


def budget_rent(inputs: ContributionRewardInputs) -> float:
    """In each epoch, -param_penalty_weight * effective parameters / param_budget."""
    config = inputs.config
    return -config.param_penalty_weight * inputs.effective_seed_params / config.param_budget


def occupancy_rent(inputs: RewardInputs) -> float:
    """-occupancy_rent for each slot that holds a seed, beyond free_slots of them. A slot in cooldown holds none."""
    occupied = sum(1 for slot in inputs.slots if slot.holds_seed)
    return -inputs.config.occupancy_rent * max(0, occupied - inputs.config.free_slots)


def fossilized_rent(inputs: ContributionRewardInputs) -> float:
    """In each epoch, -fossilized_maintenance for every fossilised seed."""
    return -inputs.config.fossilized_maintenance * inputs.num_fossilized_seeds


def alpha_shock(inputs: ContributionRewardInputs) -> float:
    """-min(alpha_shock_weight * alpha_delta_sq_sum, max_alpha_shock): abrupt moves of alpha disturb the host."""
    config = inputs.config
    return -min(config.alpha_shock_weight * inputs.alpha_delta_sq_sum, config.max_alpha_shock)


def size_cost(inputs: ContributionRewardInputs) -> float:
    """Minus the price of the seeds in the forward path, by the weights with which the gain that they bring is paid.

    Each epoch weighs contribution_weight, and at the end what is left after the last action weighs terminal_gain_weight
    more. A return therefore adds up gains minus prices, and ranks policies by accuracy minus price.
    """
    if inputs.size_price is None:
        return 0.0
    config, price = inputs.config, inputs.size_price / PARAMETERS_PER_PRICE
    cost = config.contribution_weight * price * _forward_params(slot.before for slot in inputs.slots)
    if inputs.is_last_epoch:
        cost += config.terminal_gain_weight * price * _forward_params(slot.after for slot in inputs.slots)
    return -cost


def _forward_params(seeds: Iterable[SeedInfo | None]) -> int:
    return sum(seed.parameter_count for seed in seeds if seed is not None and seed.stage in FORWARD_STAGES)


def auto_prune_penalty(inputs: RewardInputs) -> float:
    """-auto_prune_penalty for each seed that the HOLDING timeout pruned because nobody decided.

    The governor's prunes are not charged here: its rollback ends the episode, and its own penalty replaces the last
    reward.
    """
    neglected = sum(1 for slot in inputs.slots if _timed_out(inputs, slot))
    return -inputs.config.auto_prune_penalty * neglected


def _timed_out(inputs: RewardInputs, slot: SlotRewardInputs) -> bool:
    held = slot.before is not None and slot.before.stage is SeedStage.HOLDING
    return held and slot.seed_lost and not inputs.hits(Op.PRUNE, slot)
