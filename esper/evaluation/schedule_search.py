"""Looks for the best fixed schedule: the plan that a person would have found with the budget that a policy trains on.

Schedules are drawn at random and played side by side on the same hosts. In each round the better half goes on to twice
as many hosts (successive halving: Jamieson and Talwalkar 2016). Only validation is read, so that test splits stay
unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

import numpy as np

from esper.contracts.actions import Blueprint
from esper.contracts.conditions import Conditions
from esper.contracts.randomness import derive_seed
from esper.contracts.stages import FORWARD_STAGES
from esper.errors import ConfigError
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.policy.baselines.config import ScheduleConfig
from esper.telemetry.hub import Hub, Sink
from esper.training.config import TrainingConfig
from esper.training.controllers.registry import make_controller
from esper.training.episode.env_episode import EnvEpisode
from esper.training.episode.rollout import Rollout
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, train_groups

FEWEST_HOSTS: Final = 4
"""The hosts on which a schedule is played before it may be dropped."""
MOST_SCHEDULES: Final = 64


class SearchStoppedError(Exception):
    """Somebody asked the search to stop."""


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A schedule, and what became of the hosts that it was played on, in episodes.

    worths: validation accuracy of the last epoch minus the price of what was added, if size has a price.
    accuracies: the same without the price.
    added: the parameters of the seeds in the forward path.
    """

    schedule: ScheduleConfig
    worths: list[float] = field(default_factory=list[float])
    accuracies: list[float] = field(default_factory=list[float])
    added: list[int] = field(default_factory=list[int])

    @property
    def worth(self) -> float:
        return float(np.mean(self.worths))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One round of the search: how many schedules play, and on how many hosts each."""

    schedules: int
    hosts: int


def plan_rungs(budget: int, episode_length: int) -> tuple[Rung, ...]:
    """The rounds that a budget pays for, all equally dear, from as many schedules as it allows down to two.

    budget: host epochs, control hosts not counted, because training does not count them either.

    Raises:
        ConfigError: it does not even pay for two schedules.

    >>> [(rung.schedules, rung.hosts) for rung in plan_rungs(16_000, 25)]
    [(32, 4), (16, 8), (8, 16), (4, 32), (2, 64)]
    """
    episodes, schedules = budget // episode_length, MOST_SCHEDULES
    while schedules >= 2:
        rounds = schedules.bit_length() - 1
        hosts = episodes // rounds // schedules
        if hosts >= FEWEST_HOSTS:
            return tuple(Rung(schedules=schedules >> number, hosts=hosts << number) for number in range(rounds))
        schedules //= 2
    least = 2 * FEWEST_HOSTS * episode_length
    raise ConfigError(
        f"a budget of {budget:,} host epochs is too small to compare two schedules: give at least {least:,}"
    )


def draw_schedules(config: TrainingConfig, count: int) -> tuple[ScheduleConfig, ...]:
    """So many different schedules, from the stream "schedules" of the run's seed. The first never grows."""
    random = Random(derive_seed(config.run.seed, "schedules"))
    drawn = [ScheduleConfig(germinate_epochs=())]
    while len(drawn) < count:
        one = _draw(config, random)
        if one not in drawn:
            drawn.append(one)
    return tuple(drawn)


def search_schedules(
    config: TrainingConfig, *, budget: int, control: RunControl, sinks: Sequence[Sink] = ()
) -> tuple[Candidate, ...]:
    """Every schedule that was played, best first: those of the last round, then those that were dropped before.

    Raises:
        ConfigError: the budget is too small, or the task or device cannot be had.
        SearchStoppedError: control asked for an end.
    """
    rungs = plan_rungs(budget, config.fleet.episode_length)
    going_on = [Candidate(schedule=one) for one in draw_schedules(config, rungs[0].schedules)]
    dropped: list[Candidate] = []
    for number, rung in enumerate(rungs):
        dropped = going_on[rung.schedules :] + dropped
        going_on = going_on[: rung.schedules]
        _play(config, number, going_on, rung.hosts, control, sinks)
        going_on.sort(key=lambda one: -one.worth)
    return (*going_on, *dropped)


def _draw(config: TrainingConfig, random: Random) -> ScheduleConfig:
    slots, last = slot_config(config.host).slot_ids, max(1, config.fleet.episode_length // 2)
    kinds = sorted(available_blueprints(topology_of(config.host)) - {Blueprint.NOOP})
    seeds = random.randint(1, len(slots))
    return ScheduleConfig(
        germinate_epochs=tuple(sorted(random.randint(1, last) for _ in range(seeds))),
        blueprints=tuple(random.choice(kinds).name.lower() for _ in range(seeds)),
        slots=tuple(random.sample(slots, seeds)),
        tempo=random.choice(("fast", "standard", "slow")),
        alpha_target=random.choice(("half", "seventy", "full")),
        hold_epochs=random.choice((1, 5)),
    )


def _play(
    config: TrainingConfig,
    number: int,
    candidates: Sequence[Candidate],
    hosts: int,
    control: RunControl,
    sinks: Sequence[Sink],
) -> None:
    """Play the schedules side by side on hosts that no earlier round has seen, and note what became of them."""
    run = replace(config.run, seed=derive_seed(config.run.seed, "schedule search", number), rounds=1)
    base = replace(
        config,
        run=run,
        fleet=replace(config.fleet, envs=hosts),
        variety=replace(config.variety, size_price_warmup_episodes=0),
    )
    specs = [
        GroupSpec(
            group_id=f"schedule {place}",
            config=replace(base, controller=replace(base.controller, name="schedule", schedule=candidate.schedule)),
        )
        for place, candidate in enumerate(candidates)
    ]
    hub, rollouts = Hub(), list[Rollout]()
    for sink in sinks:
        hub.add_sink(sink)
    hooks = RunHooks(hub=hub, control=control, make_controller=make_controller, on_rollout=rollouts.append)
    train_groups(specs, hooks)
    if not rollouts:
        raise SearchStoppedError
    for candidate, group in zip(candidates, rollouts[0].groups, strict=True):
        for episode in group.episodes:
            _note(candidate, episode)


def _note(candidate: Candidate, episode: EnvEpisode) -> None:
    last = episode.lived[-1] if episode.lived else None
    grown = () if last is None else last.after
    added = sum(seed.parameter_count for seed in grown if seed is not None and seed.stage in FORWARD_STAGES)
    conditions = episode.signals.conditions or Conditions()
    candidate.accuracies.append(episode.accuracies[-1])
    candidate.added.append(added)
    candidate.worths.append(episode.accuracies[-1] - conditions.cost(added))
