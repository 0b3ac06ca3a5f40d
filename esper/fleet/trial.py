"""Every blueprint is tried before a run begins, so that one that cannot grow costs seconds and not a run of hours."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import torch

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.contracts.slots import SlotConfig
from esper.errors import ConfigError, in_one_line
from esper.fleet.autotune import FleetShape, choose_algorithm
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.growth.blueprints.catalogue import added_blueprints, available_blueprints
from esper.growth.blueprints.registry import build_seed
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import host_kind, slot_config, topology_of
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SlotControl
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.batch import Minibatch

_MOST_SAMPLES: Final = 4
_HOLDING: Final = SlotControl(
    alpha=1.0,
    straight_through=False,
    isolate=True,
    frozen=False,
    committed=False,
    algorithm=AlphaAlgorithm.ADD,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Where blueprints are to grow: what a fleet is made of.

    rows: the number of hosts that train side by side on device.
    """

    host: HostConfig
    growth: GrowthConfig
    fleet: FleetConfig
    input_shape: tuple[int, ...]
    num_classes: int
    device: torch.device
    rows: int

    def run(self) -> None:
        """Build every blueprint for every slot, and train those that were registered for one minibatch.

        No random number of anyone else is drawn.

        Raises:
            ConfigError: one of them cannot grow here; the message names it, and the module that registered it.
        """
        algorithm = choose_algorithm(self._shape(), self.fleet.conv_algorithm).algorithm
        topology, slots = topology_of(self.host), slot_config(self.host)
        added = added_blueprints(topology)
        with torch.random.fork_rng(devices=[]):
            for blueprint in sorted(available_blueprints(topology) - {Blueprint.NOOP}):
                self._attempt(blueprint, partial(self._build, blueprint, slots, algorithm))
            for blueprint in sorted(added):
                self._attempt(blueprint, partial(self._grow, blueprint, algorithm))

    def _shape(self) -> FleetShape:
        return FleetShape(
            host=self.host,
            input_shape=self.input_shape,
            num_classes=self.num_classes,
            rows=self.rows,
            batch_size=self.fleet.batch_size,
            device=self.device,
        )

    def _attempt(self, blueprint: Blueprint, work: Callable[[], None]) -> None:
        """Do what may fail in a blueprint's own code, which can raise anything."""
        topology = topology_of(self.host)
        module = added_blueprints(topology).get(blueprint)
        try:
            work()
        except Exception as error:  # It is somebody else's code.
            whose = "" if module is None else f", which {module!r} registers,"
            more = f"`esper check blueprints --plugin {module}` says more"
            remedy = "choose other widths of the host" if module is None else more
            raise ConfigError(
                f"blueprint {blueprint.name}{whose} cannot grow in this {self.host.kind} host: "
                f"{in_one_line(error)}; {remedy}"
            ) from error

    def _build(self, blueprint: Blueprint, slots: SlotConfig, algorithm: StackedAlgorithm) -> None:
        for channels in sorted(set(slots.channels)):
            build_seed(
                blueprint,
                channels=channels,
                layer_scale=self.growth.layer_scale,
                generators=[torch.Generator().manual_seed(0)],
                algorithm=algorithm,
                topology=topology_of(self.host),
            )

    def _grow(self, blueprint: Blueprint, algorithm: StackedAlgorithm) -> None:
        """Let the seed take part in a training step and a measurement of a fleet of one, in every slot at once."""
        fleet = Fleet(
            host=self.host,
            growth=self.growth,
            fleet=replace(self.fleet, conv_algorithm=algorithm),
            input_shape=self.input_shape,
            num_classes=self.num_classes,
            devices=[self.device],
            generators=[torch.Generator().manual_seed(0)],
        )
        slots = fleet.slot_config.num_slots
        for slot in range(slots):
            fleet.add_seed(0, slot, blueprint, torch.Generator().manual_seed(slot))
        fleet.set_controls(0, [_HOLDING] * slots)
        batch = self._minibatch()
        trained = fleet.train_epoch([batch])
        (measured,) = fleet.collect(trained, fleet.evaluate([batch], ablation=False))
        if measured.train_loss is None or not math.isfinite(measured.train_loss):
            raise ConfigError("with it, the host's loss is not a finite number")

    def _minibatch(self) -> Minibatch:
        fewest = host_kind(self.host.kind).smallest_minibatch(self.host, self.input_shape)
        samples = max(fewest, min(_MOST_SAMPLES, self.fleet.batch_size))
        generator = torch.Generator().manual_seed(0)
        if len(self.input_shape) == 1:
            inputs = torch.randint(self.num_classes, (1, samples, *self.input_shape), generator=generator)
            return Minibatch(inputs=inputs.to(self.device), targets=inputs.to(self.device))
        images = torch.randn(1, samples, *self.input_shape, generator=generator)
        targets = torch.randint(self.num_classes, (1, samples), generator=generator)
        return Minibatch(inputs=images.to(self.device), targets=targets.to(self.device))
