"""What is to be evaluated, checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch

from esper.contracts.constants import AGENT_NAME, STATIC_NAME
from esper.errors import ConfigError
from esper.fleet.devices import resolve_device
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.registry import check_host_fits
from esper.tasks.data import TaskData
from esper.tasks.registry import load_task
from esper.training.config import TrainingConfig
from esper.training.controllers.registry import ControllerFactory, find_controller

BASELINES: Final = ("static", "random", "schedule", "heuristic", "hillclimb")
"""Whom an evaluation compares unless it is asked for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A controller that takes part.

    factory: makes the controller, in a frozen form if it could learn.
    """

    name: str
    factory: ControllerFactory


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """What is to be played.

    contenders: in the order of the table. The static one, to which all are compared, is among them.
    base: the configuration; one run is one batch of it.
    seeds: the seeds of the runs, the same for every contender.
    """

    base: TrainingConfig
    contenders: tuple[Contender, ...]
    seeds: tuple[int, ...]
    data: TaskData

    def config(self, contender: Contender, seed: int, host: HostConfig | None = None) -> TrainingConfig:
        """The configuration of one run.

        host: a host that replaces the base's.
        """
        base = self.base
        return replace(
            base,
            run=replace(base.run, seed=seed, rounds=1),
            variety=replace(base.variety, size_price_warmup_episodes=0),
            controller=replace(base.controller, name=contender.name),
            host=host or base.host,
        )

    @property
    def static(self) -> Contender:
        return next(contender for contender in self.contenders if contender.name == STATIC_NAME)


def make_plan(
    base: TrainingConfig, names: Sequence[str], *, seeds: int, trained: ControllerFactory | None = None
) -> EvaluationPlan:
    """A plan for these controllers, checked. Its seeds are base.run.seed and the numbers that follow.

    trained: makes the ppo controller from a checkpoint.

    Raises:
        ConfigError: there is no seed; a controller does not exist, is named twice, needs a checkpoint or does not fit
            the host; or a task or device is not available.
    """
    if seeds < 1:
        raise ConfigError(f"the number of seeds is {seeds}: give 1 or more")
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"the controllers are {', '.join(names) or 'none'}: name at least one, and each once")
    device = resolve_device(base.run.device)
    every = names if STATIC_NAME in names else (STATIC_NAME, *names)
    contenders = tuple(Contender(name=name, factory=_factory(name, trained)) for name in every)
    data = load_task(base.task, base.run.seed)
    check_host_fits(base.host, data.input_shape, data.name, batch_size=base.fleet.batch_size)
    first = base.run.seed
    plan = EvaluationPlan(base=base, contenders=contenders, seeds=tuple(range(first, first + seeds)), data=data)
    for contender in contenders:
        _try(contender, plan.config(contender, first), device)
    return plan


def _factory(name: str, trained: ControllerFactory | None) -> ControllerFactory:
    make = find_controller(name).make
    if name != AGENT_NAME:
        return make
    if trained is None:
        raise ConfigError(
            f"controller {AGENT_NAME} plays what it has learned: name the run that taught it with --checkpoint RUN_DIR"
        )
    return trained


def _try(contender: Contender, config: TrainingConfig, device: torch.device) -> None:
    """Make the controller once, so that a controller that cannot be made is found before the first run."""
    if contender.factory(config, device).learns:
        raise ConfigError(f"controller {contender.name} learns while it plays: only frozen controllers are evaluated")
