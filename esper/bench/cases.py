"""The cases that benchmarks run, by name: SHAPE-E<envs>, or SHAPE-E<envs>-seeded with live seeds in every env.

Legend: E envs, B minibatch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from esper.errors import ConfigError
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import slot_config

NUM_CLASSES: Final = 10
SEEDED: Final = "-seeded"
_MAX_STEPS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A host and its minibatch.

    images_per_call: roughly the number of images that one timed call trains on, over all envs.
    """

    input_shape: tuple[int, int, int]
    base_channels: int
    blocks: int
    batch_size: int
    images_per_call: int


SHAPES: Final[dict[str, Shape]] = {
    "digits-small": Shape(input_shape=(1, 8, 8), base_channels=4, blocks=2, batch_size=64, images_per_call=20_480),
    "digits-wide": Shape(input_shape=(1, 8, 8), base_channels=8, blocks=3, batch_size=128, images_per_call=20_480),
    "cifar-b128": Shape(input_shape=(3, 32, 32), base_channels=8, blocks=3, batch_size=128, images_per_call=4_096),
    "cifar-b512": Shape(input_shape=(3, 32, 32), base_channels=8, blocks=3, batch_size=512, images_per_call=4_096),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCase:
    """One fleet to time.

    steps: the number of training steps per timed call.
    seeded: whether every slot of every env holds a live seed.
    """

    name: str
    shape: Shape
    envs: int
    seeded: bool
    steps: int

    @property
    def host(self) -> HostConfig:
        return HostConfig(base_channels=self.shape.base_channels, blocks=self.shape.blocks)

    @property
    def work(self) -> str:
        """The exact shapes, in words."""
        size = "x".join(str(side) for side in self.shape.input_shape)
        widths = ", ".join(str(width) for width in self.host.widths)
        seeds = f", {slot_config(self.host).num_slots} seeds per env" if self.seeded else ""
        return f"{self.envs} envs, B {self.shape.batch_size}, {size}, widths {widths}{seeds}, {self.steps} steps"


FIXED: Final[tuple[str, ...]] = (
    "digits-small-E8",
    "digits-small-E32",
    "digits-wide-E32",
    "cifar-b128-E1",
    "cifar-b128-E8",
    "cifar-b512-E8",
)
SWEEP_ENVS: Final = (1, 4, 8, 32, 64)


def fixed_names() -> tuple[str, ...]:
    """The cases for which the project has targets, each without and with seeds."""
    return tuple(name + suffix for name in FIXED for suffix in ("", SEEDED))


def sweep_names() -> tuple[str, ...]:
    """The shapes of the fixed cases for a range of E, with only one of the two minibatch sizes of CIFAR."""
    shapes = [shape for shape in SHAPES if shape != "cifar-b512"]
    return tuple(f"{shape}-E{envs}{suffix}" for shape in shapes for envs in SWEEP_ENVS for suffix in ("", SEEDED))


def is_fleet_case(name: str) -> bool:
    """Whether a name gives a shape and a number of envs."""
    return _parts(name) is not None


def fleet_case(name: str) -> FleetCase:
    """The case of this name.

    Raises:
        ConfigError: the name is not SHAPE-E<envs> or SHAPE-E<envs>-seeded.
    """
    parts = _parts(name)
    if parts is None:
        raise ConfigError(f"{name!r} is no fleet case: write SHAPE-E<envs>[-seeded] with SHAPE of {', '.join(SHAPES)}")
    shape, envs, seeded = parts
    steps = round(shape.images_per_call / (envs * shape.batch_size))
    return FleetCase(name=name, shape=shape, envs=envs, seeded=seeded, steps=min(max(steps, 1), _MAX_STEPS))


def _parts(name: str) -> tuple[Shape, int, bool] | None:
    found = re.fullmatch(r"(.+)-E([1-9]\d*)(-seeded)?", name)
    if found is None or found[1] not in SHAPES:
        return None
    return SHAPES[found[1]], int(found[2]), found[3] is not None
