"""`esper bench fleet`: E hosts as one tensor program against E plain PyTorch training loops.

The competitor is `esper.fleet.plain`: channels_last, an optimiser and gradient clipping per host, no needless wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from esper.bench.timing import Comparison, compare
from esper.contracts.randomness import derive_seed
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.plain import PlainBatch, PlainEnv
from esper.growth.config import GrowthConfig, HostConfig
from esper.layers.batch import Minibatch

NUM_CLASSES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCase:
    """One shape to time. steps: training steps per timed call."""

    name: str
    input_shape: tuple[int, ...]
    base_channels: int
    blocks: int
    batch_size: int
    envs: int
    steps: int


CASES: tuple[FleetCase, ...] = (
    FleetCase(
        name="digits-small-E8", input_shape=(1, 8, 8), base_channels=4, blocks=2, batch_size=64, envs=8, steps=20
    ),
    FleetCase(
        name="digits-small-E32", input_shape=(1, 8, 8), base_channels=4, blocks=2, batch_size=64, envs=32, steps=10
    ),
    FleetCase(
        name="digits-wide-E32", input_shape=(1, 8, 8), base_channels=8, blocks=3, batch_size=128, envs=32, steps=5
    ),
    FleetCase(
        name="cifar-b128-E1", input_shape=(3, 32, 32), base_channels=8, blocks=3, batch_size=128, envs=1, steps=10
    ),
    FleetCase(
        name="cifar-b128-E8", input_shape=(3, 32, 32), base_channels=8, blocks=3, batch_size=128, envs=8, steps=2
    ),
)


def run(device: torch.device, *, repeats: int) -> Iterator[Comparison]:
    """Time every case: forward, backward, clip and step of every host, images per second."""
    for case in CASES:
        yield measure(case, device, repeats=repeats)


def measure(case: FleetCase, device: torch.device, *, repeats: int) -> Comparison:
    """Time one case. Both sides see the same minibatch, shared by all hosts."""
    host = HostConfig(base_channels=case.base_channels, blocks=case.blocks)
    growth, fleet_config = GrowthConfig(), FleetConfig(batch_size=case.batch_size)
    generators = [torch.Generator().manual_seed(derive_seed(1, "bench", env)) for env in range(case.envs)]
    fleet = Fleet(
        host=host,
        growth=growth,
        fleet=fleet_config,
        input_shape=case.input_shape,
        num_classes=NUM_CLASSES,
        device=device,
        generators=generators,
    )
    plain = [
        PlainEnv(
            host=host,
            growth=growth,
            fleet=fleet_config,
            input_shape=case.input_shape,
            num_classes=NUM_CLASSES,
            device=device,
        )
        for _ in range(case.envs)
    ]
    for env, twin in enumerate(plain):
        twin.load(fleet.snapshot_row(env))
    one = _minibatch(case, device)
    stacked = [_expanded(one, case.envs)] * case.steps
    single = [one] * case.steps

    def ours() -> None:
        fleet.train_epoch(stacked)
        _wait(device)

    def theirs() -> None:
        for twin in plain:
            twin.train_epoch(single)
        _wait(device)

    images = case.envs * case.batch_size * case.steps
    return compare("fleet", case.name, ours=ours, theirs=theirs, work=images, unit="images/s", repeats=repeats)


def _minibatch(case: FleetCase, device: torch.device) -> PlainBatch:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(case.batch_size, *case.input_shape, generator=generator)
    targets = torch.randint(NUM_CLASSES, (case.batch_size,), generator=generator)
    return inputs.to(device), targets.to(device)


def _expanded(one: PlainBatch, envs: int) -> Minibatch:
    inputs, targets = one
    return Minibatch(inputs=inputs.expand(envs, *inputs.shape), targets=targets.expand(envs, -1))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
