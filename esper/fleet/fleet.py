"""The fleet: E hosts with their seeds, trained side by side on one device or on several.

Legend: E envs (rows), B minibatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import torch

from esper.contracts.actions import Blueprint, Topology
from esper.contracts.slots import SlotConfig
from esper.errors import ConfigError
from esper.fleet import measure
from esper.fleet.autotune import AlgorithmChoice
from esper.fleet.broadcast import Broadcast, rows_of
from esper.fleet.config import FleetConfig
from esper.fleet.measure import EnvMeasurement, EvaluationTotals, TrainTotals
from esper.fleet.shard import FleetShard, RowSnapshot, WorkingSeed
from esper.growth.hosts.config import HostConfig
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SlotControl
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.batch import Minibatch

Totals = TypeVar("Totals")


class Fleet:
    """E hosts of one build, their seeds and their optimisers.

    Rows never influence each other: row e does exactly what a fleet with generators[e] alone would do. Slots change
    only between epochs. Training and evaluation leave everything on the devices, and collect() makes the one copy of an
    epoch.

    Each of several devices has a share of adjacent rows, and a thread that drives it.

    envs: the numbers of the envs, one for each row.
    """

    def __init__(
        self,
        *,
        host: HostConfig,
        growth: GrowthConfig,
        fleet: FleetConfig,
        input_shape: tuple[int, ...],
        num_classes: int,
        devices: Sequence[torch.device],
        generators: Sequence[torch.Generator],
        first_env: int = 0,
    ) -> None:
        """The hosts are freshly initialised. fleet.envs is not read.

        generators: one CPU generator per env, from which its host is initialised. E is their number.
        input_shape: the shape of one sample: the channels, height and width of an image, or (L,) for tokens.
        num_classes: the number of classes, or the size of the vocabulary.
        first_env: the number of the first env, where this fleet has only a part of a run's envs.

        Raises:
            ConfigError: the images are too small for the host's pooling, fleet.conv_algorithm does not work here, or
                there are more devices than envs.
        """
        self.rows = len(generators)
        self.envs = range(first_env, first_env + self.rows)
        if self.rows < len(devices):
            raise ConfigError(
                f"run.devices names {len(devices)} devices: there are only {self.rows} envs to share; name fewer, or "
                "raise fleet.envs"
            )
        bounds = [self.rows * number // len(devices) for number in range(len(devices) + 1)]
        self._ranges = [range(first, last) for first, last in pairwise(bounds)]
        self._shards = [
            FleetShard(
                host=host,
                growth=growth,
                fleet=fleet,
                input_shape=input_shape,
                num_classes=num_classes,
                device=device,
                generators=[generators[env] for env in envs],
            )
            for device, envs in zip(devices, self._ranges, strict=True)
        ]

    @property
    def slot_config(self) -> SlotConfig:
        """The enabled slots, in order."""
        return self._shards[0].slot_config

    @property
    def topology(self) -> Topology:
        """The hosts' family."""
        return self._shards[0].topology

    @property
    def host_parameter_count(self) -> int:
        """Parameters of one host."""
        return self._shards[0].host_parameter_count

    @property
    def algorithm_choice(self) -> AlgorithmChoice:
        """How the layers compute on the first device, and how that was decided."""
        return self._shards[0].algorithm_choice

    @property
    def conv_algorithm(self) -> StackedAlgorithm:
        """How the layers compute on the first device."""
        return self.algorithm_choice.algorithm

    def add_seed(
        self, env: int, slot: int, blueprint: Blueprint, generator: torch.Generator, *, gated: bool = False
    ) -> int:
        """Germinate: put a new seed into an empty slot, initialised from generator (CPU). It does not run yet.

        gated: the seed is to be blended by GATE, so it has a gate network from birth.

        Returns:
            The number of its parameters, those of its gate included.

        Raises:
            ValueError: the blueprint does not fit the host.
        """
        shard, row = self._place(env)
        return shard.add_seed(row, slot, blueprint, generator, gated=gated)

    def set_gate(self, env: int, slot: int, gated: bool, generator: torch.Generator) -> int:
        """Give the seed of a slot a gate network, initialised from generator (CPU), or take its gate away.

        Call this when the seed's blend changes to or from GATE, before set_controls. The seed keeps its values and
        loses its momentum, and its control is cleared.

        Returns:
            The number of its parameters from now on.
        """
        shard, row = self._place(env)
        return shard.set_gate(row, slot, gated, generator)

    def remove_seed(self, env: int, slot: int) -> None:
        """Free an occupied slot; its control goes with it."""
        shard, row = self._place(env)
        shard.remove_seed(row, slot)

    def set_controls(self, env: int, controls: Sequence[SlotControl | None]) -> None:
        """Say how each slot of an env runs from now on. None means that no seed of that slot is in the forward path."""
        shard, row = self._place(env)
        shard.set_controls(row, controls)

    def set_row_active(self, env: int, active: bool) -> None:
        """Say whether this env's parameters are trained, or stay as they are. No other env is affected."""
        shard, row = self._place(env)
        shard.set_row_active(row, active)

    def train_epoch(self, batches: Iterable[Minibatch]) -> tuple[TrainTotals, ...]:
        """Train on these minibatches of all envs. There is one record of totals for each device, on that device.

        Raises:
            ValueError: there is no minibatch.
        """
        return self._on_each(batches, FleetShard.train_epoch)

    def evaluate(self, batches: Iterable[Minibatch], *, ablation: bool) -> tuple[EvaluationTotals, ...]:
        """Measure loss and accuracy, and with ablation also with seeds switched off. Totals stay on their devices.

        Raises:
            ValueError: there is no minibatch.
        """
        return self._on_each(batches, lambda shard, own: shard.evaluate(own, ablation=ablation))

    def collect(
        self, train: Sequence[TrainTotals] | None, evaluation: Sequence[EvaluationTotals]
    ) -> tuple[EnvMeasurement, ...]:
        """Copy an epoch's totals from each device at once, and make one record per env. This waits for the devices."""
        trained = [None] * len(evaluation) if train is None else train
        records = [measure.collect(*totals) for totals in zip(trained, evaluation, strict=True)]
        return tuple(record for shard in records for record in shard)

    def snapshot_row(self, env: int) -> RowSnapshot:
        """A copy of one env: its host with its running statistics, and every seed that it holds."""
        shard, row = self._place(env)
        return shard.snapshot_row(row)

    def working_seeds(self, env: int) -> tuple[WorkingSeed, ...]:
        """The seeds that change this env's output now, in slot order."""
        shard, row = self._place(env)
        return shard.working_seeds(row)

    def is_covered(self, env: int, snapshot: RowSnapshot) -> bool:
        """Whether the snapshot holds every seed that this env holds now. No device is asked."""
        shard, row = self._place(env)
        return shard.is_covered(row, snapshot)

    def restore_row(self, env: int, snapshot: RowSnapshot) -> None:
        """Return one env to a snapshot of it, and forget its optimiser state.

        Seeds that it no longer holds are not revived. Seeds that were planted after the snapshot stay as they are.
        """
        shard, row = self._place(env)
        shard.restore_row(row, snapshot)

    def row_of(self, env: int) -> int:
        """Where an env stands among those of this fleet, and so in what collect() returns."""
        return env - self.envs.start

    def _place(self, env: int) -> tuple[FleetShard, int]:
        """The shard that holds an env, and the env's row there."""
        row = self.row_of(env)
        for shard, rows in zip(self._shards, self._ranges, strict=True):
            if row in rows:
                return shard, row - rows.start
        raise AssertionError("an env of this fleet is in one of its shards")

    def _on_each(
        self, batches: Iterable[Minibatch], work: Callable[[FleetShard, Iterator[Minibatch]], Totals]
    ) -> tuple[Totals, ...]:
        """Let every shard work on its envs' part of the minibatches, in threads if there are several shards."""
        if len(self._shards) == 1:
            return (work(self._shards[0], iter(batches)),)
        broadcast = Broadcast(batches, readers=len(self._shards))

        def run(number: int) -> Totals:
            shard, envs = self._shards[number], self._ranges[number]
            return work(shard, (rows_of(batch, envs, shard.device) for batch in broadcast.reader(number)))

        with ThreadPoolExecutor(max_workers=len(self._shards)) as threads:
            return tuple(threads.map(run, range(len(self._shards))))
