"""Every blueprint that can be built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import torch

from esper.contracts.actions import Blueprint, Topology
from esper.growth.blueprints.attention import AttentionSeed
from esper.growth.blueprints.bottleneck import BottleneckSeed
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


def build_seed(
    blueprint: Blueprint,
    *,
    channels: int,
    layer_scale: float,
    generators: Sequence[torch.Generator],
    algorithm: StackedAlgorithm,
    topology: Topology = Topology.CNN,
) -> ResidualSeed:
    """Newborn seed modules, one row per generator. The same blueprint is another module in another topology.

    channels: width of the features, which of tokens is their last axis.

    Raises:
        ValueError: no such module exists for hosts of this topology.
    """
    kinds = SEEDS[topology]
    if blueprint not in kinds:
        known = ", ".join(sorted(kind.name for kind in kinds))
        raise ValueError(f"blueprint {blueprint.name} cannot grow in a {topology} host: choose one of {known}")
    return kinds[blueprint](channels, layer_scale, generators, algorithm)
