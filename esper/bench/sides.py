"""Both sides of a fleet benchmark: a fleet, and the same hosts with the same seeds as plain PyTorch modules.

Legend: E envs, B minibatch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from esper.bench.cases import NUM_CLASSES, FleetCase
from esper.bench.growth import blueprint_of, control_of, seed_generator
from esper.contracts.randomness import derive_seed
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.plain.env import PlainBatch, PlainEnv
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SlotControl
from esper.layers.batch import Minibatch


@dataclass(frozen=True, slots=True)
class Sides:
    """The fleet and its twins, with equal values in every parameter."""

    fleet: Fleet
    plain: tuple[PlainEnv, ...]


def build_fleet(case: FleetCase, device: torch.device, *, stages: tuple[SlotControl, ...] | None = None) -> Fleet:
    """The fleet of a case.

    stages: one per slot for all envs, in place of the mixed ones of bench/growth.py.
    """
    generators = [torch.Generator().manual_seed(derive_seed(1, "bench", env)) for env in range(case.envs)]
    fleet = Fleet(
        host=case.host,
        growth=GrowthConfig(),
        fleet=FleetConfig(batch_size=case.shape.batch_size),
        input_shape=case.shape.input_shape,
        num_classes=NUM_CLASSES,
        devices=(device,),
        generators=generators,
    )
    slots = range(fleet.slot_config.num_slots)
    for env in range(case.envs if case.seeded else 0):
        for slot in slots:
            fleet.add_seed(env, slot, blueprint_of(env, slot), seed_generator(env, slot))
        fleet.set_controls(env, stages or [control_of(env, slot) for slot in slots])
    return fleet


def build_sides(case: FleetCase, device: torch.device, *, stages: tuple[SlotControl, ...] | None = None) -> Sides:
    """A fleet and its twins.

    stages: as in build_fleet.
    """
    fleet = build_fleet(case, device, stages=stages)
    plain = tuple(_build_plain(case, device, env, stages) for env in range(case.envs))
    for env, twin in enumerate(plain):
        twin.load(fleet.snapshot_row(env))
    return Sides(fleet, plain)


def _build_plain(case: FleetCase, device: torch.device, env: int, stages: tuple[SlotControl, ...] | None) -> PlainEnv:
    twin = PlainEnv(
        host=case.host,
        growth=GrowthConfig(),
        fleet=FleetConfig(batch_size=case.shape.batch_size),
        input_shape=case.shape.input_shape,
        num_classes=NUM_CLASSES,
        device=device,
    )
    if case.seeded:
        slots = range(twin.slots.num_slots)
        for slot in slots:
            twin.add_seed(slot, blueprint_of(env, slot), seed_generator(env, slot))
        twin.set_controls(stages or [control_of(env, slot) for slot in slots])
    return twin


def make_images(case: FleetCase, device: torch.device, *, count: int) -> PlainBatch:
    """Made-up images with labels, in channels_last as a fast loop would hold them."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, *case.shape.input_shape, generator=generator)
    targets = torch.randint(NUM_CLASSES, (count,), generator=generator)
    return inputs.contiguous(memory_format=torch.channels_last).to(device), targets.to(device)


def for_all(batch: PlainBatch, envs: int) -> Minibatch:
    """The same minibatch for every env of a fleet, as a view."""
    inputs, targets = batch
    return Minibatch(inputs=inputs.expand(envs, *inputs.shape), targets=targets.expand(envs, -1))
