"""Decides which grown networks of a run are kept, and hands them over as ordinary modules with their description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Final

import torch
from torch import Tensor

from esper.errors import ConfigError
from esper.fleet.plain.grown import GrownNetwork, count_multiply_adds, parameters_of
from esper.fleet.plain.modules import load_flat
from esper.growth.grown import GrownHost, GrownSeed
from esper.tasks.data import Split, TaskData
from esper.telemetry.events import EpisodeOutcome
from esper.training.checkpoint import write_tensors
from esper.training.config import KeepHosts
from esper.training.episode.world import BatchWorld
from esper.training.group import Group
from esper.training.kept_hosts import KeptHost, KeptHosts
from esper.training.ranks.protocol import SINGLE, Ranks

Candidate = tuple[Group, EpisodeOutcome]

BEST_HOSTS: Final = 3
"""How many networks keep_hosts = best keeps, beside the best one of the last round."""


class HostKeeper:
    """Ranks networks by their final validation accuracy, over the run so far and over each round."""

    def __init__(self, groups: Sequence[Group], data: TaskData, keep: KeepHosts, ranks: Ranks = SINGLE) -> None:
        """ranks: the processes of the run. Each copies networks of its own envs, and hands them to all."""
        self._groups = groups
        self._data = data
        self._keep = keep
        self._ranks = ranks
        self._best: list[GrownHost] = []
        self._all: list[str] = []

    def recall(self, kept: Sequence[GrownHost]) -> None:
        """Continue a run that goes on, given what it had kept when it was interrupted."""
        self._best = _ranked(kept)[:BEST_HOSTS]
        self._all = [host.name for host in kept]

    def after_round(self, world: BatchWorld, outcomes: Sequence[Sequence[EpisodeOutcome]]) -> KeptHosts:
        """Which networks of a finished round are kept, and which of the earlier ones stay.

        outcomes: those of each group, in the order of the groups.
        """
        every = [(group, one) for group, ones in zip(self._groups, outcomes, strict=True) for one in ones]
        every.sort(key=lambda pair: -pair[1].final_accuracy)
        new, left_out = self._take_all(world, self._wanted(every))
        taken = [host.description for host in new]
        if self._keep == "best":
            self._best = _ranked([*self._best, *taken])[:BEST_HOSTS]
            names = [host.name for host in (*self._best, *_ranked(taken)[:1])]
        else:
            self._all = [*self._all, *(host.name for host in taken)] if self._keep == "all" else []
            names = self._all or [host.name for host in taken]
        return KeptHosts(
            new=tuple(host for host in new if host.description.name in names),
            names=tuple(dict.fromkeys(names)),
            left_out=left_out,
        )

    def _wanted(self, every: Sequence[Candidate]) -> Sequence[Candidate]:
        """The candidates, best first, that are worth copying out of the fleet."""
        if self._keep != "best":
            return every
        full = len(self._best) == BEST_HOSTS
        worst = self._best[-1].validation_accuracy if full else float("-inf")
        return [pair for pair in every[:BEST_HOSTS] if pair[1].final_accuracy > worst] or every[:1]

    def _take_all(self, world: BatchWorld, wanted: Sequence[Candidate]) -> tuple[tuple[KeptHost, ...], tuple[str, ...]]:
        """The networks, and the reasons why some are missing: a plug-in's part may have no ordinary module."""
        own: dict[int, KeptHost | str] = {}
        for place, (group, outcome) in enumerate(wanted):
            if outcome.env_id not in group.rows:
                continue
            try:
                own[place] = self._take(world, group, outcome)
            except ConfigError as error:
                own[place] = str(error)
        found = dict(chain.from_iterable(part.items() for part in self._ranks.gather(own)))
        taken = [found[place] for place in range(len(wanted))]
        left_out = [one for one in taken if isinstance(one, str)]
        return tuple(one for one in taken if isinstance(one, KeptHost)), tuple(dict.fromkeys(left_out))

    def _take(self, world: BatchWorld, group: Group, outcome: EpisodeOutcome) -> KeptHost:
        """Copy a network out of the fleet, measure the copy, and describe it."""
        network = GrownNetwork(_describe(world, group, outcome, self._data))
        snapshot = world.fleet.snapshot_row(outcome.env_id)
        load_flat(network.host, snapshot.host.cpu())
        values = {seed.slot: seed.values.cpu() for seed in snapshot.seeds}
        for seed, working in zip(network.description.seeds, world.fleet.working_seeds(outcome.env_id), strict=True):
            load_flat(network.slots[seed.slot_id], values[working.slot])
        network.eval()
        data = self._data.to(torch.device("cpu"))
        network.description = replace(
            network.description,
            parameters=parameters_of(network),
            multiply_adds=count_multiply_adds(network, as_samples(data.test.inputs[:1])),
            validation_accuracy=accuracy(network, data.validation),
            test_accuracy=accuracy(network, data.test),
        )
        return KeptHost(description=network.description, write_tensors=partial(write_tensors, network.state_dict()))


def _ranked(hosts: Sequence[GrownHost]) -> list[GrownHost]:
    """The best first; of equals the smaller, then the earlier."""
    return sorted(hosts, key=lambda host: (-host.validation_accuracy, host.parameters, host.name))


@torch.no_grad()
def accuracy(network: GrownNetwork, split: Split, *, batch_size: int = 512) -> float:
    """The percentage of a split's predictions that are right, with one per image or per token of a sequence."""
    correct, total = 0, 0
    for start in range(0, len(split), batch_size):
        targets: Tensor = split.targets[start : start + batch_size].long()
        inputs = split.inputs[start : start + batch_size]
        logits = network(as_samples(inputs))
        correct += int((logits.argmax(-1) == targets).sum())
        total += targets.numel()
    return 100.0 * correct / total


def as_samples(inputs: Tensor) -> Tensor:
    """Stored samples in the form that a network reads: images as they are, tokens [B, L] as indices."""
    return inputs.long() if inputs.ndim == 2 else inputs


def _describe(world: BatchWorld, group: Group, outcome: EpisodeOutcome, data: TaskData) -> GrownHost:
    """The description of an env's network. What only the finished module can show is still 0."""
    env, fleet = outcome.env_id, world.fleet
    infos = world.garden.infos(env)
    seeds: list[GrownSeed] = []
    for working in fleet.working_seeds(env):
        info = infos[working.slot]
        assert info is not None, "a seed that changes the output has a state"
        seeds.append(
            GrownSeed(
                slot_id=info.slot_id,
                channels=fleet.slot_config.channels[working.slot],
                seed_id=info.seed_id,
                blueprint=working.blueprint,
                algorithm=working.control.algorithm,
                alpha=working.control.alpha,
                gated=working.gated,
                stage=info.stage,
                age=info.epochs_total,
                parameters=info.parameter_count,
                contribution=info.contribution,
            )
        )
    return GrownHost(
        batch=world.batch,
        env_id=env,
        group_id=group.group_id,
        episode=outcome.episode,
        task=data.name,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        mean=data.mean,
        standard_deviation=data.standard_deviation,
        host=group.config.host,
        seeds=tuple(seeds),
        parameters=0,
        host_parameters=fleet.host_parameter_count,
        multiply_adds=0,
        fleet_test_accuracy=outcome.test_accuracy,
        validation_accuracy=0.0,
        test_accuracy=0.0,
    )
