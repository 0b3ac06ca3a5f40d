"""The part of a fleet on one device: hosts with their seeds, trained as one tensor program.

Legend: E envs (rows), B minibatch, C channels, S slots, K ablation configs.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.contracts.actions import Blueprint, Topology
from esper.contracts.slots import SlotConfig
from esper.fleet import passes
from esper.fleet.autotune import AlgorithmChoice, FleetShape, choose_algorithm
from esper.fleet.banks import SeedBanks, SeedSnapshot
from esper.fleet.config import FleetConfig
from esper.fleet.forward import FleetNetwork
from esper.fleet.measure import EvaluationTotals, TrainTotals
from esper.fleet.optimizer import make_optimizer
from esper.fleet.plan import FleetPlan, is_active, make_plan
from esper.growth.blueprints.registry import build_seed
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.growth.hosts.registry import build_host
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SlotControl
from esper.growth.seeds.blend_gate import BlendGate
from esper.growth.seeds.blending import row_mask
from esper.growth.seeds.planted_seed import plant
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.batch import Minibatch
from esper.layers.native import scratch
from esper.layers.rows import parameters_per_row, read_row, write_row


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSnapshot:
    """One env's host and seeds at one moment, on the device."""

    host: Tensor
    seeds: tuple[SeedSnapshot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingSeed:
    """A seed that changes its env's output: what it is made of, and how it is blended in."""

    slot: int
    blueprint: Blueprint
    gated: bool
    control: SlotControl


class FleetShard:
    """Hosts of one build, their seeds and their optimisers, on one device. Fleet describes the methods."""

    def __init__(
        self,
        *,
        host: HostConfig,
        growth: GrowthConfig,
        fleet: FleetConfig,
        input_shape: tuple[int, ...],
        num_classes: int,
        device: torch.device,
        generators: Sequence[torch.Generator],
    ) -> None:
        """The arguments are those of Fleet. fleet.envs is not read.

        Raises:
            ConfigError: the images are too small for the host's pooling, or fleet.conv_algorithm does not work here.
        """
        self.rows = len(generators)
        weakref.finalize(self, scratch.clear)
        self.slot_config: SlotConfig = slot_config(host)
        self.topology: Topology = topology_of(host)
        shape = FleetShape(
            host=host,
            input_shape=input_shape,
            num_classes=num_classes,
            rows=self.rows,
            batch_size=fleet.batch_size,
            device=device,
        )
        self.algorithm_choice: AlgorithmChoice = choose_algorithm(shape, fleet.conv_algorithm)
        self.conv_algorithm: StackedAlgorithm = self.algorithm_choice.algorithm
        self._config = fleet
        self._layer_scale = growth.layer_scale
        self.device = device
        module = build_host(
            host,
            input_shape=input_shape,
            num_classes=num_classes,
            generators=generators,
            algorithm=self.conv_algorithm,
        ).to(device)
        self.host_parameter_count = module.parameter_count
        self._network = FleetNetwork(module, self.slot_config, self.conv_algorithm)
        self._optimizer = make_optimizer(
            fleet,
            module,
            learning_rate=fleet.learning_rate,
            weight_decay=fleet.weight_decay,
            algorithm=self.conv_algorithm,
        )
        slots = self.slot_config.num_slots
        self._banks = SeedBanks(slots, fleet)
        self._controls: list[tuple[SlotControl | None, ...]] = [(None,) * slots for _ in range(self.rows)]
        self._env_active = [True] * self.rows
        self._plan: FleetPlan | None = None

    def add_seed(
        self, env: int, slot: int, blueprint: Blueprint, generator: torch.Generator, *, gated: bool = False
    ) -> int:
        """See Fleet.add_seed."""
        newborn = build_seed(
            blueprint,
            channels=self.slot_config.channels[slot],
            layer_scale=self._layer_scale,
            generators=[generator],
            algorithm=self.conv_algorithm,
            topology=self.topology,
        )
        planted = plant(newborn, channels=self.slot_config.channels[slot], gated=gated, generators=[generator])
        self._banks.add(env, slot, blueprint, planted.to(self.device))
        self._plan = None
        return parameters_per_row(planted)

    def set_gate(self, env: int, slot: int, gated: bool, generator: torch.Generator) -> int:
        """See Fleet.set_gate."""
        channels = self.slot_config.channels[slot]
        gate = BlendGate(channels, [generator], self.conv_algorithm).to(self.device) if gated else None
        changed = self._banks.replace_gate(env, slot, gate)
        self._clear_control(env, slot)
        return parameters_per_row(changed)

    def remove_seed(self, env: int, slot: int) -> None:
        """Free an occupied slot; its control goes with it."""
        self._banks.remove(env, slot)
        self._clear_control(env, slot)

    def set_controls(self, env: int, controls: Sequence[SlotControl | None]) -> None:
        """See Fleet.set_controls."""
        assert len(controls) == self.slot_config.num_slots, "one control per slot"
        for slot, control in enumerate(controls):
            assert control is None or self._banks.holding(env, slot) is not None, "only a seed can be controlled"
        self._controls[env] = tuple(controls)
        self._plan = None

    def set_row_active(self, env: int, active: bool) -> None:
        """See Fleet.set_row_active."""
        self._env_active[env] = active
        self._plan = None

    def train_epoch(self, batches: Iterable[Minibatch]) -> TrainTotals:
        """Train on these minibatches. Totals stay on the device.

        Raises:
            ValueError: there is no minibatch.
        """
        resting = [env for env, active in enumerate(self._env_active) if not active]
        kept = [self._read_running_statistics(env) for env in resting]
        totals = passes.train_epoch(
            self._network,
            self._current_plan(),
            self._optimizer,
            batches,
            envs_active=row_mask(self._env_active, self.device),
            gradient_stride=self._config.gradient_stride,
        )
        for env, statistics in zip(resting, kept, strict=True):
            self._write_running_statistics(env, statistics)
        return totals

    def evaluate(self, batches: Iterable[Minibatch], *, ablation: bool) -> EvaluationTotals:
        """Measure loss and accuracy, and with ablation also with seeds switched off as fleet.ablation says.

        Totals stay on the device.

        Raises:
            ValueError: there is no minibatch.
        """
        strategy = self._config.ablation if ablation else None
        return passes.evaluate(self._network, self._current_plan(), batches, ablation=strategy)

    def snapshot_row(self, env: int) -> RowSnapshot:
        """See Fleet.snapshot_row."""
        return RowSnapshot(host=read_row(self._network.host, env), seeds=self._banks.snapshot(env))

    def working_seeds(self, env: int) -> tuple[WorkingSeed, ...]:
        """The seeds that change this env's output now."""
        controls = self._controls[env]
        held = {slot: (blueprint, gated) for slot, blueprint, gated in self._banks.held(env)}
        return tuple(
            WorkingSeed(slot=slot, blueprint=held[slot][0], gated=held[slot][1], control=control)
            for slot, control in enumerate(controls)
            if control is not None and is_active(control)
        )

    def is_covered(self, env: int, snapshot: RowSnapshot) -> bool:
        """See Fleet.is_covered."""
        return self._banks.serials(env) <= {(seed.slot, seed.serial) for seed in snapshot.seeds}

    def restore_row(self, env: int, snapshot: RowSnapshot) -> None:
        """See Fleet.restore_row."""
        write_row(self._network.host, env, snapshot.host)
        self._optimizer.reset_row(env)
        self._banks.restore(env, snapshot.seeds)

    def _clear_control(self, env: int, slot: int) -> None:
        controls = self._controls[env]
        self._controls[env] = (*controls[:slot], None, *controls[slot + 1 :])
        self._plan = None

    def _current_plan(self) -> FleetPlan:
        if self._plan is None:
            self._plan = make_plan(self._banks, self._controls, self._env_active, self.device, self.conv_algorithm)
        return self._plan

    def _read_running_statistics(self, env: int) -> list[Tensor]:
        return [buffer[env].clone() for buffer in self._network.host.buffers()]

    def _write_running_statistics(self, env: int, statistics: list[Tensor]) -> None:
        for buffer, values in zip(self._network.host.buffers(), statistics, strict=True):
            buffer[env].copy_(values)
