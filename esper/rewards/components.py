"""The reward: a mode is a list of named components, and the reward is their sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Generic, TypeVar

from esper.errors import ConfigError
from esper.rewards.actions import (
    action_cost,
    action_shaping,
    fossilize_terminal_bonus,
    intervention_cost,
    young_prune_penalty,
)
from esper.rewards.attribution import bounded_attribution, ratio_penalty, synergy_bonus
from esper.rewards.commitment import commit_advance, commit_bonus, commit_drip
from esper.rewards.config import RewardConfig
from esper.rewards.costs import (
    alpha_shock,
    auto_prune_penalty,
    budget_rent,
    compute_rent,
    fossilized_rent,
    occupancy_rent,
    size_cost,
)
from esper.rewards.escrow import escrow_delta, escrow_forfeit
from esper.rewards.hindsight import hindsight_credit
from esper.rewards.loss import loss_progress, loss_rent
from esper.rewards.modes import COMPONENT_NAMES, MODES, mode_parts
from esper.rewards.shaping import germination_clawback, pbrs_bonus
from esper.rewards.terminal import (
    contributing_fossil_bonus,
    final_accuracy_bonus,
    loss_terminal,
    sparse_score,
    terminal_bonus,
    terminal_delta,
)
from esper.rewards.types import (
    ContributionRewardInputs,
    LossRewardInputs,
    RewardComponents,
    RewardInputs,
    RewardTerm,
)
from esper.rewards.warnings import blending_warning, holding_warning

InputsT = TypeVar("InputsT", bound=RewardInputs, contravariant=True)


@dataclass(frozen=True, slots=True)
class Component(Generic[InputsT]):
    """One named, pure part of a reward."""

    name: str
    compute: Callable[[InputsT], float]


ContributionComponents = tuple[Component[ContributionRewardInputs], ...]
LossComponents = tuple[Component[LossRewardInputs], ...]

_SHAPING: Final = (Component("pbrs_bonus", pbrs_bonus), Component("germination_clawback", germination_clawback))
_AFTERMATH: Final = (
    Component("hindsight_credit", hindsight_credit),
    Component("auto_prune_penalty", auto_prune_penalty),
)
_ATTRIBUTION: Final = (
    Component("bounded_attribution", bounded_attribution),
    Component("ratio_penalty", ratio_penalty),
)
_ESCROW: Final = (Component("escrow_delta", escrow_delta), Component("escrow_forfeit", escrow_forfeit))
_DENSE: Final[ContributionComponents] = (
    Component("blending_warning", blending_warning),
    Component("holding_warning", holding_warning),
    *_SHAPING,
    Component("synergy_bonus", synergy_bonus),
    Component("size_cost", size_cost),
    Component("compute_rent", compute_rent),
    Component("occupancy_rent", occupancy_rent),
    Component("fossilized_rent", fossilized_rent),
    Component("alpha_shock", alpha_shock),
    Component("action_cost", action_cost),
    Component("action_shaping", action_shaping),
    Component("fossilize_terminal_bonus", fossilize_terminal_bonus),
    *_AFTERMATH,
    Component("terminal_bonus", terminal_bonus),
)
_BUDGET_RENT: Final = Component("budget_rent", budget_rent)
_TERMINAL_DELTA: Final = Component("terminal_delta", terminal_delta)
_SPARSE_SCORE: Final = Component("sparse_score", sparse_score)

CONTRIBUTION_MODES: Final[dict[str, ContributionComponents]] = {
    "shaped": (*_ATTRIBUTION, *_DENSE),
    "escrow": (*_ESCROW, *_DENSE),
    "basic": (*_SHAPING, _BUDGET_RENT, Component("commit_bonus", commit_bonus), *_AFTERMATH, _TERMINAL_DELTA),
    "basic_plus": (
        *_SHAPING,
        _BUDGET_RENT,
        Component("commit_advance", commit_advance),
        Component("commit_drip", commit_drip),
        *_AFTERMATH,
        _TERMINAL_DELTA,
    ),
    "simplified": (
        *_SHAPING,
        Component("intervention_cost", intervention_cost),
        Component("final_accuracy_bonus", final_accuracy_bonus),
        Component("contributing_fossil_bonus", contributing_fossil_bonus),
    ),
    "sparse": (_SPARSE_SCORE,),
    "minimal": (_SPARSE_SCORE, Component("young_prune_penalty", young_prune_penalty)),
}

COMPONENTS: Final[dict[str, Component[ContributionRewardInputs]]] = {
    component.name: component for components in CONTRIBUTION_MODES.values() for component in components
}
"""The components that reward.mode may name one by one."""

LOSS_COMPONENTS: Final[LossComponents] = (
    Component("loss_progress", loss_progress),
    Component("loss_rent", loss_rent),
    *_SHAPING,
    Component("loss_terminal", loss_terminal),
)

_SHAPING_NAMES: Final = frozenset(component.name for component in _SHAPING)
_TERMINAL_NAMES: Final = frozenset(
    {"terminal_bonus", "terminal_delta", "final_accuracy_bonus", "contributing_fossil_bonus", "loss_terminal"}
)
_ANTI_GAMING_NAMES: Final = frozenset({"ratio_penalty", "alpha_shock"})


def register_reward(name: str, description: str, components: Sequence[Component[ContributionRewardInputs]]) -> None:
    """Make a reward available as reward.mode. The reward of a step is the sum of its components.

    components: named, pure functions of what is known about a step; telemetry records each by its name.

    Raises:
        ConfigError: the name is taken, there is no component, or two have the same name.
    """
    names = [component.name for component in components]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"reward {name!r} has the components {names}: give at least one, each with its own name")
    MODES.add(name, description)
    CONTRIBUTION_MODES[name] = tuple(components)


def register_reward_component(name: str, compute: Callable[[ContributionRewardInputs], float]) -> None:
    """Let reward.mode name a component of your own, alone or in a sum such as shaped+mine.

    compute: a pure function of what is known about a step; telemetry records what it pays by its name.

    Raises:
        ConfigError: the name is taken.
    """
    if name in COMPONENTS or name in CONTRIBUTION_MODES:
        raise ConfigError(f"reward component {name!r} is already registered: choose another name")
    COMPONENTS[name] = Component(name, compute)
    COMPONENT_NAMES.add(name)


@lru_cache(maxsize=64)
def contribution_components(config: RewardConfig, *, priced: bool = False) -> ContributionComponents:
    """The components of the configured mode, in the order in which they are added.

    A component that several parts of a sum have is paid once. What the config disables is left out, so that an absent
    term is never mistaken for one that was 0.

    priced: whether the env has a price of size.
    """
    excluded = _excluded(config) if priced else _excluded(config) | {"size_cost"}
    chosen: dict[str, Component[ContributionRewardInputs]] = {}
    for part in mode_parts(config.mode):
        for item in CONTRIBUTION_MODES.get(part) or (COMPONENTS[part],):
            chosen.setdefault(item.name, item)
    return tuple(item for item in chosen.values() if item.name not in excluded)


@lru_cache(maxsize=64)
def loss_components(config: RewardConfig) -> LossComponents:
    """The components of the loss family that the config does not disable, in the order in which they are added."""
    return tuple(item for item in LOSS_COMPONENTS if item.name not in _excluded(config))


def compute_reward(inputs: ContributionRewardInputs | LossRewardInputs) -> RewardComponents:
    """The raw reward of one env's step, with every term by name.

    The total is the terms added up from first to last in floating point, so sum(term.value for term in terms) equals it
    exactly.
    """
    if isinstance(inputs, LossRewardInputs):
        return _added_up(inputs, _terms(loss_components(inputs.config), inputs))
    components = contribution_components(inputs.config, priced=inputs.size_price is not None)
    return _added_up(inputs, _terms(components, inputs))


def _excluded(config: RewardConfig) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    if config.disable_shaping:
        names |= _SHAPING_NAMES
    if config.disable_terminal:
        names |= _TERMINAL_NAMES
    if config.disable_anti_gaming:
        names |= _ANTI_GAMING_NAMES
    return names


def _terms(components: Iterable[Component[InputsT]], inputs: InputsT) -> tuple[RewardTerm, ...]:
    # Adding 0.0 turns a cost of -0.0 into 0.0, which is what telemetry shows.
    return tuple(RewardTerm(name=item.name, value=item.compute(inputs) + 0.0) for item in components)


def _added_up(inputs: RewardInputs, terms: tuple[RewardTerm, ...]) -> RewardComponents:
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
