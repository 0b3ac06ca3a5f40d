"""Blueprint CONV_HEAVY: two 3x3 convolutions."""

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


class ConvHeavySeed(ResidualSeed):
    """f(x) = relu(GN(conv3x3(relu(GN(conv3x3(x)))))), its convolutions without bias: 18C^2 + 5C parameters."""

    def __init__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        rows, groups = len(generators), group_count(channels)
        self.first = StackedConv2d(channels, channels, 3, generators=generators, algorithm=algorithm, bias=False)
        self.first_norm = StackedGroupNorm(groups, channels, rows=rows, algorithm=algorithm)
        self.second = StackedConv2d(channels, channels, 3, generators=generators, algorithm=algorithm, bias=False)
        self.second_norm = StackedGroupNorm(groups, channels, rows=rows, algorithm=algorithm)

    def program(self) -> Program:
        relu = activation(LayerKind.RELU, self.gamma.shape[1])
        return (
            self.first.program_layer(),
            self.first_norm.program_layer(),
            relu,
            self.second.program_layer(),
            self.second_norm.program_layer(),
            relu,
        )

    def branch(self, x_rbchw: Tensor) -> Tensor:
        hidden = F.relu(self.first_norm(self.first(x_rbchw)))
        return F.relu(self.second_norm(self.second(hidden)))
