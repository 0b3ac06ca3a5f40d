"""Blueprint NORM: moves features toward their group-normalised values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from esper.growth.blueprints.residual import ResidualSeed, group_count
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.program import LayerKind, Program, activation
from esper.layers.normalization import StackedGroupNorm


class NormSeed(ResidualSeed):
    """f(x) = GN(x) - x, with an affine group normalisation: 3C parameters."""

    def __init__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        self.norm = StackedGroupNorm(group_count(channels), channels, rows=len(generators), algorithm=algorithm)

    def program(self) -> Program:
        channels = self.gamma.shape[1]
        return (self.norm.program_layer(), activation(LayerKind.LESS_INPUT, channels))

    def branch(self, x_rbchw: Tensor) -> Tensor:
        return self.norm(x_rbchw) - x_rbchw
