"""Blueprint BOTTLENECK: a 3x3 convolution between two 1x1 convolutions."""

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

_REDUCTION = 4
_LEAST_WIDTH = 8


class BottleneckSeed(ResidualSeed):
    """f(x) = GN(up1x1(silu(conv3x3(silu(down1x1(x)))))) of width b = max(8, C // 4). The convolutions have no bias.

    It has 2Cb + 9b^2 + 3C parameters. SiLU takes the place of the usual ReLU: host features are never negative, so
    wherever the down-projection of a narrow host happens to be negative, a ReLU would be off for every sample at birth.
    """

    def __init__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        width = bottleneck_width(channels)
        self.down = StackedConv2d(channels, width, 1, generators=generators, algorithm=algorithm, bias=False)
        self.convolution = StackedConv2d(width, width, 3, generators=generators, algorithm=algorithm, bias=False)
        self.up = StackedConv2d(width, channels, 1, generators=generators, algorithm=algorithm, bias=False)
        self.norm = StackedGroupNorm(group_count(channels), channels, rows=len(generators), algorithm=algorithm)

    def program(self) -> Program:
        silu = activation(LayerKind.SILU, self.convolution.weight.shape[1])
        inner = (self.down.program_layer(), silu, self.convolution.program_layer(), silu, self.up.program_layer())
        return (*inner, self.norm.program_layer())

    def branch(self, x_rbchw: Tensor) -> Tensor:
        return self.norm(self.up(F.silu(self.convolution(F.silu(self.down(x_rbchw))))))


def bottleneck_width(channels: int) -> int:
    """The number of channels between the 1x1 convolutions."""
    return max(_LEAST_WIDTH, channels // _REDUCTION)
