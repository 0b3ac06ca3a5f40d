"""Controllers by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from esper.contracts.actions import Blueprint
from esper.contracts.constants import AGENT_NAME, STATIC_NAME
from esper.contracts.registry import Registry
from esper.errors import ConfigError, EsperError, in_one_line, is_own
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.policy.baselines.heuristic import HeuristicRule
from esper.policy.baselines.hillclimb import HillclimbRule
from esper.policy.baselines.random_legal import RandomRule
from esper.policy.baselines.rotation import resolve_blueprints
from esper.policy.baselines.rule import Rule
from esper.policy.baselines.schedule import ScheduleRule
from esper.policy.baselines.static import StaticRule
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.controllers.protocol import Controller
from esper.training.controllers.rule_controller import RuleController

ControllerFactory = Callable[[TrainingConfig, torch.device], Controller]
"""Makes the controller of one group, from its configuration and the device of the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerEntry:
    """A registered controller: its name, one line on what it does, and the factory that makes it."""

    name: str
    description: str
    make: ControllerFactory


CONTROLLERS: Final[Registry[ControllerEntry]] = Registry("controller", "controller.name")


def register_controller(name: str, description: str, make: ControllerFactory) -> None:
    """Make a controller available as controller.name.

    Raises:
        ConfigError: the name is taken.
    """
    CONTROLLERS.add(name, ControllerEntry(name=name, description=description, make=make))


def register_rule(name: str, description: str, make_rule: Callable[[TrainingConfig], Rule]) -> None:
    """Make a rule available as controller.name.

    make_rule: makes a rule; it is called once per env and episode.

    Raises:
        ConfigError: the name is taken.
    """
    register_controller(name, description, lambda config, _: RuleController(name, lambda: make_rule(config)))


def list_controllers() -> tuple[ControllerEntry, ...]:
    """Every registered controller, by name."""
    return CONTROLLERS.parts()


def find_controller(name: str) -> ControllerEntry:
    """The controller of that name.

    Raises:
        ConfigError: there is none; the message offers the nearest names.
    """
    return CONTROLLERS.find(name)


def make_controller(config: TrainingConfig, device: torch.device) -> Controller:
    """The controller that config names.

    Raises:
        ConfigError: there is no such controller, its parameters do not fit the host, or a plug-in's cannot be made.
    """
    name = config.controller.name
    make = find_controller(name).make
    try:
        return make(config, device)
    except Exception as error:  # A plug-in's code can raise anything.
        if isinstance(error, EsperError) or is_own(make):
            raise
        raise ConfigError(f"the controller {name} cannot be made: {in_one_line(error)}") from error


def _blueprints(config: TrainingConfig, names: tuple[str, ...]) -> tuple[Blueprint, ...]:
    key = f"controller.{config.controller.name}.blueprints"
    return resolve_blueprints(names, topology_of(config.host), key=key)


def _schedule(config: TrainingConfig, _device: torch.device) -> Controller:
    own = config.controller.schedule
    blueprints = _blueprints(config, own.blueprints)
    enabled = slot_config(config.host)
    for name in own.slots:
        if name not in enabled.slot_ids:
            raise ConfigError(
                f"controller.schedule.slots has {name!r}: the hosts have the slots {', '.join(enabled.slot_ids)}"
            )
    slots = [enabled.index(name) for name in own.slots]
    return RuleController("schedule", lambda: ScheduleRule(own, blueprints, slots))


def _heuristic(config: TrainingConfig, _device: torch.device) -> Controller:
    own = config.controller.heuristic
    blueprints = _blueprints(config, own.blueprints)
    return RuleController("heuristic", lambda: HeuristicRule(own, blueprints))


def _hillclimb(config: TrainingConfig, _device: torch.device) -> Controller:
    own = config.controller.hillclimb
    blueprints = _blueprints(config, own.blueprints)
    return RuleController("hillclimb", lambda: HillclimbRule(own, blueprints))


register_controller(AGENT_NAME, "the recurrent policy, learning by PPO", Agent)
register_rule(STATIC_NAME, "never grows", lambda _: StaticRule())
register_rule("random", "draws evenly from what is legal", lambda _: RandomRule())
register_controller("schedule", "a fixed plan: germinate, blend, fossilise", _schedule)
register_controller("heuristic", "rules of thumb: grow on a plateau, keep what contributes", _heuristic)
register_controller("hillclimb", "keeps a seed if validation accuracy rose over its life", _hillclimb)
