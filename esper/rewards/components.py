"""The reward: a mode is a list of named components, and the reward is their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from esper.rewards.actions import action_cost, action_shaping, fossilize_terminal_bonus
from esper.rewards.attribution import bounded_attribution, ratio_penalty, synergy_bonus
from esper.rewards.config import RewardConfig
from esper.rewards.costs import alpha_shock, compute_rent, fossilized_rent, occupancy_rent
from esper.rewards.shaping import pbrs_bonus
from esper.rewards.types import ContributionRewardInputs, RewardComponents, RewardTerm
from esper.rewards.warnings import blending_warning, holding_warning


def terminal_bonus(inputs: ContributionRewardInputs) -> float:
    """terminal_accuracy_weight * val_acc in the last epoch, else 0."""
    if inputs.epoch != inputs.max_epochs:
        return 0.0
    return inputs.config.terminal_accuracy_weight * inputs.val_acc


@dataclass(frozen=True, slots=True)
class Component:
    """One named, pure part of a reward."""

    name: str
    compute: Callable[[ContributionRewardInputs], float]


_SHAPED = (
    Component("bounded_attribution", bounded_attribution),
    Component("ratio_penalty", ratio_penalty),
    Component("blending_warning", blending_warning),
    Component("holding_warning", holding_warning),
    Component("pbrs_bonus", pbrs_bonus),
    Component("synergy_bonus", synergy_bonus),
    Component("compute_rent", compute_rent),
    Component("occupancy_rent", occupancy_rent),
    Component("fossilized_rent", fossilized_rent),
    Component("alpha_shock", alpha_shock),
    Component("action_cost", action_cost),
    Component("action_shaping", action_shaping),
    Component("fossilize_terminal_bonus", fossilize_terminal_bonus),
    Component("terminal_bonus", terminal_bonus),
)


@lru_cache(maxsize=64)
def reward_components(config: RewardConfig) -> tuple[Component, ...]:
    """The components of the configured mode, in the order in which they are added.

    What the config disables is left out, so that a term that is absent is never mistaken for one that was 0.
    """
    excluded: set[str] = set()
    if config.disable_shaping:
        excluded.add("pbrs_bonus")
    if config.disable_terminal:
        excluded.add("terminal_bonus")
    if config.disable_anti_gaming:
        excluded |= {"ratio_penalty", "alpha_shock"}
    return tuple(component for component in _SHAPED if component.name not in excluded)


def compute_reward(inputs: ContributionRewardInputs) -> RewardComponents:
    """The raw reward of one env's step with every term by name.

    total is the terms added up from first to last in floating point: sum(term.value for term in terms) equals it
    exactly.
    """
    terms = tuple(
        RewardTerm(name=component.name, value=component.compute(inputs))
        for component in reward_components(inputs.config)
    )
    return RewardComponents(
        terms=terms,
        total=sum(term.value for term in terms),
        action=inputs.action,
        action_success=inputs.action_success,
        stage=None if inputs.seed_info is None else inputs.seed_info.stage,
        epoch=inputs.epoch,
        val_acc=inputs.val_acc,
        growth_ratio=inputs.total_params / inputs.host_params,
    )
