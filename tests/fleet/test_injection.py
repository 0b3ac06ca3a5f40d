"""Seeds before and behind a pool, in one fleet: order of execution, ablation, equality with ordinary modules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from esper.contracts.actions import Blueprint
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.plain.env import PlainBatch, PlainEnv
from esper.fleet.plain.modules import flat
from esper.growth.hosts.config import HostConfig
from esper.growth.lifecycle.config import GrowthConfig
from esper.layers.batch import Minibatch

HOST = HostConfig(base_channels=4, blocks=2, injection="pre_and_post_pool")
CONFIG = FleetConfig(learning_rate=0.05, seed_learning_rate=0.05)
GROWTH = GrowthConfig(layer_scale=0.1)
CPU = torch.device("cpu")


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def new_fleet(host: HostConfig = HOST, algorithm: Any = "grouped") -> Fleet:
    return Fleet(
        host=host,
        growth=GROWTH,
        fleet=replace(CONFIG, conv_algorithm=algorithm),
        input_shape=(1, 8, 8),
        num_classes=10,
        devices=(CPU,),
        generators=[torch.Generator().manual_seed(env) for env in range(2)],
    )


def data(count: int = 3) -> list[PlainBatch]:
    generator = torch.Generator().manual_seed(3)
    return [
        (torch.randn(12, 1, 8, 8, generator=generator), torch.randint(10, (12,), generator=generator))
        for _ in range(count)
    ]


def stacked(pairs: list[PlainBatch]) -> list[Minibatch]:
    return [Minibatch(x.expand(2, *x.shape), y.expand(2, -1)) for x, y in pairs]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("algorithm", ["grouped", "loop", "native"])
def test_seeds_at_every_point_equal_ordinary_modules(algorithm: str, controls: dict[str, Any]) -> None:
    fleet = new_fleet(algorithm=algorithm)
    assert fleet.slot_config.slot_ids == ("r0c0", "r0c1", "r1c0", "r1c1")
    kinds = (Blueprint.CONV_LIGHT, Blueprint.NORM, Blueprint.DEPTHWISE, Blueprint.ATTENTION)
    stages = [controls["b"], controls["f"], controls["h"], controls["t"]]
    twin = PlainEnv(host=HOST, growth=GROWTH, fleet=CONFIG, input_shape=(1, 8, 8), num_classes=10, device=CPU)
    for slot, kind in enumerate(kinds):
        fleet.add_seed(1, slot, kind, torch.Generator().manual_seed(slot))
        twin.add_seed(slot, kind, torch.Generator().manual_seed(slot))
    twin.load(fleet.snapshot_row(1))
    fleet.set_controls(1, stages)
    twin.set_controls(stages)
    for _ in range(2):
        train = fleet.train_epoch(stacked(data()))
        measured = fleet.collect(train, fleet.evaluate(stacked(data()), ablation=True))[1]
        twin.train_epoch(data())
    row = fleet.snapshot_row(1)
    torch.testing.assert_close(flat(twin.host), row.host, rtol=0, atol=1e-12)
    for seed in row.seeds:
        torch.testing.assert_close(flat(twin.seeds[seed.slot]), seed.values, rtol=0, atol=1e-12)
    assert len(measured.counterfactual.measurements) == 8
    for one in measured.counterfactual.measurements:
        _, correct = twin.evaluate(data(), one.slots_on)
        assert 100.0 * float(correct) / 36 == pytest.approx(one.accuracy)


def test_points_that_no_slot_uses_change_nothing() -> None:
    """A host with both kinds of points trains as one with points behind pools only."""
    ends: list[torch.Tensor] = []
    for host in (HOST, replace(HOST, slots=("r1c0",)), replace(HOST, injection="post_pool")):
        fleet = new_fleet(host)
        fleet.train_epoch(stacked(data()))
        ends.append(fleet.snapshot_row(0).host)
    assert torch.equal(ends[0], ends[1])
    torch.testing.assert_close(ends[0], ends[2], rtol=1e-4, atol=1e-5)
