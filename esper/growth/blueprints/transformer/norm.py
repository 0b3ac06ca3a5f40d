"""Blueprint NORM of transformers: moves features toward their layer-normalised values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from esper.growth.blueprints.residual import TokenSeed
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.normalization import StackedLayerNorm


class TokenNormSeed(TokenSeed):
    """f(x) = LN(x) - x, with an affine layer normalisation: 3D parameters."""

    def __init__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        self.norm = StackedLayerNorm(channels, rows=len(generators), algorithm=algorithm)

    def branch(self, x_rbld: Tensor) -> Tensor:
        return self.norm(x_rbld) - x_rbld
