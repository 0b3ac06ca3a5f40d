"""Every blueprint that can be built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import currentframe
from typing import Final, Protocol, runtime_checkable

import torch
from torch import nn

from esper.contracts.actions import Blueprint, Topology
from esper.contracts.blueprints import declare_blueprint, find_blueprint
from esper.errors import ConfigError
from esper.growth.blueprints.attention import AttentionSeed
from esper.growth.blueprints.bottleneck import BottleneckSeed, bottleneck_width
from esper.growth.blueprints.catalogue import add_to_catalogue
from esper.growth.blueprints.conv_heavy import ConvHeavySeed
from esper.growth.blueprints.conv_light import ConvLightSeed
from esper.growth.blueprints.conv_small import ConvSmallSeed
from esper.growth.blueprints.depthwise import DepthwiseSeed
from esper.growth.blueprints.norm import NormSeed
from esper.growth.blueprints.residual import ResidualSeed
from esper.growth.blueprints.transformer.attention import FlexAttentionSeed, TokenAttentionSeed
from esper.growth.blueprints.transformer.lora import lora, lora_large
from esper.growth.blueprints.transformer.mlp import mlp, mlp_small
from esper.growth.blueprints.transformer.norm import TokenNormSeed
from esper.layers.algorithm import StackedAlgorithm


class SeedFactory(Protocol):
    """Builds as many rows of a blueprint as there are generators."""

    def __call__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> ResidualSeed: ...


CNN_SEEDS: Final[dict[Blueprint, SeedFactory]] = {
    Blueprint.NORM: NormSeed,
    Blueprint.ATTENTION: AttentionSeed,
    Blueprint.DEPTHWISE: DepthwiseSeed,
    Blueprint.CONV_LIGHT: ConvLightSeed,
    Blueprint.BOTTLENECK: BottleneckSeed,
    Blueprint.CONV_SMALL: ConvSmallSeed,
    Blueprint.CONV_HEAVY: ConvHeavySeed,
}


TRANSFORMER_SEEDS: Final[dict[Blueprint, SeedFactory]] = {
    Blueprint.NORM: TokenNormSeed,
    Blueprint.LORA: lora,
    Blueprint.LORA_LARGE: lora_large,
    Blueprint.ATTENTION: TokenAttentionSeed,
    Blueprint.MLP_SMALL: mlp_small,
    Blueprint.MLP: mlp,
    Blueprint.FLEX_ATTENTION: FlexAttentionSeed,
}

SEEDS: Final[dict[Topology, dict[Blueprint, SeedFactory]]] = {
    Topology.CNN: CNN_SEEDS,
    Topology.TRANSFORMER: TRANSFORMER_SEEDS,
}

ParameterEstimate = Callable[[int], int]
"""Roughly how many parameters a seed has at a channel width. Only the order of magnitude matters."""

ESTIMATES: Final[dict[Topology, dict[Blueprint, ParameterEstimate]]] = {
    Topology.CNN: {
        Blueprint.NORM: lambda c: 3 * c,
        Blueprint.ATTENTION: lambda c: 2 * c * max(1, c // 4) + 2 * c,
        Blueprint.DEPTHWISE: lambda c: c**2 + 12 * c,
        Blueprint.CONV_LIGHT: lambda c: 9 * c**2 + 3 * c,
        Blueprint.BOTTLENECK: lambda c: 2 * c * bottleneck_width(c) + 9 * bottleneck_width(c) ** 2 + 3 * c,
        Blueprint.CONV_SMALL: lambda c: c**2 + 3 * c,
        Blueprint.CONV_HEAVY: lambda c: 18 * c**2 + 5 * c,
    },
    Topology.TRANSFORMER: {
        Blueprint.NORM: lambda d: 3 * d,
        Blueprint.LORA: lambda d: 17 * d,
        Blueprint.LORA_LARGE: lambda d: 65 * d,
        Blueprint.ATTENTION: lambda d: 4 * d**2 + 5 * d,
        Blueprint.MLP_SMALL: lambda d: 4 * d**2 + 4 * d,
        Blueprint.MLP: lambda d: 8 * d**2 + 6 * d,
        Blueprint.FLEX_ATTENTION: lambda d: 4 * d**2 + 5 * d,
    },
}

PlainTwin = Callable[[int], nn.Module]
"""Builds one seed, x + gamma * f(x), out of ordinary layers for a channel width.

Its parameters are registered in the order of the stacked module's, so that a row of that can be loaded as it lies.
"""


@runtime_checkable
class BringsPlain(Protocol):
    """A factory that knows its seed's ordinary module."""

    def plain(self, channels: int) -> nn.Module: ...


_REGISTERED: Final[dict[tuple[Topology, Blueprint], PlainTwin | None]] = {}


def register_blueprint(
    blueprint: Blueprint | str,
    factory: SeedFactory,
    *,
    parameter_estimate: ParameterEstimate,
    topology: Topology = Topology.CNN,
    plain: PlainTwin | None = None,
) -> None:
    """Let a choice of the blueprint head grow your own seeds, in this process and in hosts of this topology.

    blueprint: a name of your own, which adds a choice to the head; registering one name for both topologies adds one.
        One of Esper's own ids replaces the seed of that name, or adds one where the topology does not use it.
    plain: the same seed out of ordinary layers. Without one, networks that hold such a seed are not kept. A factory of
        module_blueprint brings its own.

    Raises:
        ConfigError: the name is none, the id is NOOP, or it was registered before.
    """
    if isinstance(blueprint, str):
        known = find_blueprint(blueprint)
        blueprint = declare_blueprint(blueprint) if known is None else known
    if blueprint is Blueprint.NOOP:
        raise ConfigError("blueprint NOOP is never chosen: register another id")
    if (topology, blueprint) in _REGISTERED:
        raise ConfigError(f"blueprint {blueprint.name} is registered twice for {topology} hosts: choose another id")
    _REGISTERED[topology, blueprint] = plain or (factory.plain if isinstance(factory, BringsPlain) else None)
    SEEDS[topology][blueprint] = factory
    ESTIMATES[topology][blueprint] = parameter_estimate
    add_to_catalogue(blueprint, topology, module=_calling_module())


def _calling_module() -> str:
    """The name of the module that called the function that calls this."""
    frame = currentframe()
    caller = frame.f_back.f_back if frame is not None and frame.f_back is not None else None
    return "unknown" if caller is None else str(caller.f_globals.get("__name__", "unknown"))


def plain_twin(blueprint: Blueprint, topology: Topology) -> tuple[bool, PlainTwin | None]:
    """Whether the blueprint is a plug-in's, and if so its ordinary module, where it was registered with one."""
    return (topology, blueprint) in _REGISTERED, _REGISTERED.get((topology, blueprint))


def build_seed(
    blueprint: Blueprint,
    *,
    channels: int,
    layer_scale: float,
    generators: Sequence[torch.Generator],
    algorithm: StackedAlgorithm,
    topology: Topology = Topology.CNN,
) -> ResidualSeed:
    """Newborn seed modules, one row per generator. A blueprint may be a different module in each topology.

    channels: the width of the features; for tokens this is the size of the last axis.

    Raises:
        ConfigError: the module cannot be a seed, as module_blueprint says.
        ValueError: no such module exists for hosts of this topology.
    """
    kinds = SEEDS[topology]
    if blueprint not in kinds:
        known = ", ".join(sorted(kind.name for kind in kinds))
        raise ValueError(f"blueprint {blueprint.name} cannot grow in a {topology} host: choose one of {known}")
    try:
        return kinds[blueprint](channels, layer_scale, generators, algorithm)
    except ConfigError as error:
        raise ConfigError(f"blueprint {blueprint.name}: {error}") from error
