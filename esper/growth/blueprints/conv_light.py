"""Blueprint CONV_LIGHT: one 3x3 convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from esper.growth.blueprints.residual import ResidualSeed, group_count
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.convolution import StackedConv2d
from esper.layers.native.program import LayerKind, Program, activation
from esper.layers.normalization import StackedGroupNorm


class ConvLightSeed(ResidualSeed):
    """f(x) = relu(GN(conv3x3(x))), its convolution without bias: 9C^2 + 3C parameters."""

    def __init__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        self.convolution = StackedConv2d(channels, channels, 3, generators=generators, algorithm=algorithm, bias=False)
        self.norm = StackedGroupNorm(group_count(channels), channels, rows=len(generators), algorithm=algorithm)

    def program(self) -> Program:
        relu = activation(LayerKind.RELU, self.gamma.shape[1])
        return (self.convolution.program_layer(), self.norm.program_layer(), relu)

    def branch(self, x_rbchw: Tensor) -> Tensor:
        return F.relu(self.norm(self.convolution(x_rbchw)))
