"""Kinds of hosts: what is known about one without building it.

Nothing here imports torch, so that configs can use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from esper.contracts.actions import Topology
from esper.contracts.registry import Registry
from esper.contracts.slots import SlotConfig, parse_slot_id, slot_id
from esper.errors import ConfigError
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.injection import InjectionPoint, InjectionSpec

IMAGE_SAMPLE_DIMS = 3
TOKEN_SAMPLE_DIMS = 1


def any_minibatch(_config: HostConfig, _input_shape: tuple[int, ...]) -> int:
    """The fewest samples in a minibatch of a host that treats every sample alone."""
    return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKind:
    """One kind of host, by the name that host.kind uses.

    topology: the family, which decides what blueprints fit.
    sample_dims: the number of axes of one sample: 3 for an image (C, H, W), 1 for tokens (L).
    points: gives the injection points of a config, in the order in which the host computes them.
    smallest_minibatch: gives the fewest samples that a training minibatch must hold, for a config and the shape of a
        sample; more than 1 where the host normalises over the minibatch.
    """

    name: str
    description: str
    topology: Topology
    sample_dims: int
    points: Callable[[HostConfig], tuple[InjectionPoint, ...]]
    smallest_minibatch: Callable[[HostConfig, tuple[int, ...]], int] = any_minibatch

    def injection_specs(self, config: HostConfig) -> tuple[InjectionSpec, ...]:
        """The points with their positions. All segments count the same."""
        points = self.points(config)
        return tuple(
            InjectionSpec(slot_id=point.slot_id, width=point.width, position=(index + 1) / len(points))
            for index, point in enumerate(points)
        )


KINDS: Final[Registry[HostKind]] = Registry("host", "host.kind")


def add_host_kind(kind: HostKind) -> None:
    """Make a kind known to configs. register_host registers a host as a whole.

    Raises:
        ConfigError: the name is taken.
    """
    KINDS.add(kind.name, kind)


def list_host_kinds() -> tuple[HostKind, ...]:
    """Every registered kind, by name."""
    return KINDS.parts()


def host_kind(name: str) -> HostKind:
    """The kind of that name.

    Raises:
        ConfigError: there is none.
    """
    return KINDS.find(name)


def topology_of(config: HostConfig) -> Topology:
    """The family of blueprints that fits the host of a config."""
    return host_kind(config.kind).topology


def injection_specs(config: HostConfig) -> tuple[InjectionSpec, ...]:
    """Every place where a seed can grow, in the order in which the host computes them."""
    return host_kind(config.kind).injection_specs(config)


def slot_config(config: HostConfig) -> SlotConfig:
    """The enabled slots of a config's host with their channel widths.

    Raises:
        ConfigError: host.slots names a slot that this host does not have.
        ValueError: host.slots is not in row-major order.
    """
    every = {spec.slot_id: spec.width for spec in injection_specs(config)}
    names = config.slots or tuple(sorted(every, key=parse_slot_id))
    for name in names:
        if name not in every:
            raise ConfigError(f"host.slots names {name!r}: this host has {', '.join(every)}")
    return SlotConfig(slot_ids=names, channels=tuple(every[name] for name in names))


def cnn_points(config: HostConfig) -> tuple[InjectionPoint, ...]:
    """A point after every block.

    With pre_and_post_pool, one before and one after every pool, and one after a block without a pool.
    """
    points: list[InjectionPoint] = []
    for block, width in enumerate(config.widths):
        both = config.injection == "pre_and_post_pool" and block < config.pooled_blocks
        points += [InjectionPoint(slot_id=slot_id(row, block), width=width) for row in range(2 if both else 1)]
    return tuple(points)


def cnn_smallest_minibatch(config: HostConfig, input_shape: tuple[int, ...]) -> int:
    """2 where the last block normalises images of a single pixel: one value has no variance; otherwise 1."""
    _, height, width = input_shape
    halvings = min(config.blocks - 1, config.pooled_blocks)  # a block normalises before its own pool
    return 2 if (height >> halvings) * (width >> halvings) == 1 else 1


def transformer_points(config: HostConfig) -> tuple[InjectionPoint, ...]:
    """A point after every segment."""
    shape = config.transformer
    return tuple(InjectionPoint(slot_id=slot_id(0, i), width=shape.width) for i in range(shape.segments))


add_host_kind(
    HostKind(
        name="cnn",
        description="convolution, batch normalisation, ReLU and pool per block, then a linear classifier",
        topology=Topology.CNN,
        sample_dims=IMAGE_SAMPLE_DIMS,
        points=cnn_points,
        smallest_minibatch=cnn_smallest_minibatch,
    )
)
add_host_kind(
    HostKind(
        name="transformer",
        description="causal language model of pre-LN layers with learned positions and a tied head",
        topology=Topology.TRANSFORMER,
        sample_dims=TOKEN_SAMPLE_DIMS,
        points=transformer_points,
    )
)
