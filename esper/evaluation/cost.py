"""What a finished network costs: its parameters, and the floating-point operations of one forward pass."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from esper.contracts.actions import AlphaAlgorithm
from esper.evaluation.records import GrownSeed
from esper.fleet.fleet import Fleet
from esper.growth.hosts.config import HostConfig
from esper.growth.lifecycle.state import SlotControl
from esper.layers.batch import Minibatch
from esper.layers.flops import counted_flops
from esper.tasks.data import TaskData
from esper.training.config import TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCost:
    """The cost of one network.

    parameters: the number of trainable numbers.
    flops: the floating-point operations of one sample's forward pass, where a multiplication and its addition count as
        two.
    """

    parameters: int
    flops: int


class CostMeter:
    """Builds networks of one run's hosts, and counts what they cost. The values of weights do not matter."""

    def __init__(self, config: TrainingConfig, data: TaskData) -> None:
        self._config = config
        self._data = data
        self._known: dict[tuple[HostConfig, tuple[GrownSeed, ...]], NetworkCost] = {}

    def cost(self, network: tuple[GrownSeed, ...], host: HostConfig | None = None) -> NetworkCost:
        """The cost of the host with these seeds in its forward path.

        host: a host that replaces the run's own.
        """
        key = (host or self._config.host, network)
        if key not in self._known:
            self._known[key] = self._measure(*key)
        return self._known[key]

    def _measure(self, host: HostConfig, network: tuple[GrownSeed, ...]) -> NetworkCost:
        """Count the cost by one forward pass."""
        fleet = Fleet(
            host=host,
            growth=self._config.growth,
            fleet=replace(self._config.fleet, conv_algorithm="grouped"),
            input_shape=self._data.input_shape,
            num_classes=self._data.num_classes,
            devices=(torch.device("cpu"),),
            generators=[torch.Generator().manual_seed(0)],
        )
        parameters = fleet.host_parameter_count + _grow(fleet, network)
        with counted_flops() as flops:
            fleet.evaluate([self._one_sample()], ablation=False)
        return NetworkCost(parameters=parameters, flops=flops.total)

    def _one_sample(self) -> Minibatch:
        shape = (1, 1, *self._data.input_shape)
        if self._data.has_tokens:
            return Minibatch(inputs=torch.zeros(shape).long(), targets=torch.zeros(shape).long())
        return Minibatch(inputs=torch.zeros(shape), targets=torch.zeros(1, 1).long())


def _grow(fleet: Fleet, network: tuple[GrownSeed, ...]) -> int:
    """Put the seeds into the only env of the fleet at full alpha, and return the number of their parameters."""
    controls: list[SlotControl | None] = [None] * fleet.slot_config.num_slots
    parameters = 0
    for seed in network:
        slot = fleet.slot_config.index(seed.slot_id)
        gated = seed.algorithm is AlphaAlgorithm.GATE
        parameters += fleet.add_seed(0, slot, seed.blueprint, torch.Generator().manual_seed(0), gated=gated)
        controls[slot] = SlotControl(
            alpha=1.0, straight_through=False, isolate=False, frozen=False, committed=True, algorithm=seed.algorithm
        )
    fleet.set_controls(0, controls)
    return parameters
