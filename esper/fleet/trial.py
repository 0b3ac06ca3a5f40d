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
    """Where blueprints are to grow.

    shape: of the fleet, or of its first device's share.
    """

    shape: FleetShape
    growth: GrowthConfig
    fleet: FleetConfig

    def run(self) -> None:
        """Build every blueprint for every slot, and train those that were registered for one minibatch.

        No random number of anyone else is drawn.

        Raises:
            ConfigError: one of them cannot grow here; the message names it, and the module that registered it.
        """
        algorithm = choose_algorithm(self.shape, self.fleet.conv_algorithm).algorithm
        topology, slots = topology_of(self.shape.host), slot_config(self.shape.host)
        added = added_blueprints(topology)
        with torch.random.fork_rng(devices=[]):
            for blueprint in sorted(available_blueprints(topology) - {Blueprint.NOOP}):
                self._attempt(blueprint, partial(self._build, blueprint, slots, algorithm))
            for blueprint in sorted(added):
                self._attempt(blueprint, partial(self._grow, blueprint, algorithm))

    def _attempt(self, blueprint: Blueprint, work: Callable[[], None]) -> None:
        """Do what may fail in a blueprint's own code, which can raise anything."""
        topology = topology_of(self.shape.host)
        module = added_blueprints(topology).get(blueprint)
        try:
            work()
        except Exception as error:  # It is somebody else's code.
            whose = "" if module is None else f", which {module!r} registers,"
            more = f"`esper check blueprints --plugin {module}` says more"
            remedy = "choose other widths of the host" if module is None else more
            raise ConfigError(
                f"blueprint {blueprint.name}{whose} cannot grow in this {self.shape.host.kind} host: "
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
                topology=topology_of(self.shape.host),
            )

    def _grow(self, blueprint: Blueprint, algorithm: StackedAlgorithm) -> None:
        """Let the seed take part in a training step and a measurement of a fleet of one, in every slot at once."""
        fleet = Fleet(
            host=self.shape.host,
            growth=self.growth,
            fleet=replace(self.fleet, conv_algorithm=algorithm),
            input_shape=self.shape.input_shape,
            num_classes=self.shape.num_classes,
            devices=[self.shape.device],
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
        fewest = host_kind(self.shape.host.kind).smallest_minibatch(self.shape.host, self.shape.input_shape)
        samples = max(fewest, min(_MOST_SAMPLES, self.fleet.batch_size))
        generator = torch.Generator().manual_seed(0)
        if len(self.shape.input_shape) == 1:
            inputs = torch.randint(self.shape.num_classes, (1, samples, *self.shape.input_shape), generator=generator)
            return Minibatch(inputs=inputs.to(self.shape.device), targets=inputs.to(self.shape.device))
        images = torch.randn(1, samples, *self.shape.input_shape, generator=generator)
        targets = torch.randint(self.shape.num_classes, (1, samples), generator=generator)
        return Minibatch(inputs=images.to(self.shape.device), targets=targets.to(self.shape.device))
