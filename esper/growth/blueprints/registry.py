"""Every blueprint that can be built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import torch

from esper.contracts.actions import Blueprint
from esper.growth.blueprints.attention import AttentionSeed
from esper.growth.blueprints.bottleneck import BottleneckSeed
from esper.growth.blueprints.conv_heavy import ConvHeavySeed
from esper.growth.blueprints.conv_light import ConvLightSeed
from esper.growth.blueprints.conv_small import ConvSmallSeed
from esper.growth.blueprints.depthwise import DepthwiseSeed
from esper.growth.blueprints.norm import NormSeed
from esper.growth.blueprints.residual import ResidualSeed
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


def build_seed(
    blueprint: Blueprint,
    *,
    channels: int,
    layer_scale: float,
    generators: Sequence[torch.Generator],
    algorithm: StackedAlgorithm,
) -> ResidualSeed:
    """Newborn seed modules, one row per generator.

    Raises:
        ValueError: no such module exists for convolutional hosts.
    """
    if blueprint not in CNN_SEEDS:
        known = ", ".join(sorted(kind.name for kind in CNN_SEEDS))
        raise ValueError(f"blueprint {blueprint.name} cannot grow in a convolutional host: choose one of {known}")
    return CNN_SEEDS[blueprint](channels, layer_scale, generators, algorithm)
