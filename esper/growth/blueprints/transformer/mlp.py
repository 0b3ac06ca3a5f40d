"""Blueprints MLP_SMALL and MLP: a two-layer perceptron per token."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import torch
from torch import Tensor

from esper.growth.blueprints.residual import TokenSeed
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.feed_forward import StackedFeedForward


class MlpSeed(TokenSeed):
    """f(x) = W2 gelu(W1 x + b1) + b2, k times as wide inside: 2 k D^2 + (k + 2) D parameters."""

    def __init__(
        self,
        channels: int,
        layer_scale: float,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
        *,
        expansion: int,
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        self.feed_forward = StackedFeedForward(channels, expansion, generators=generators, algorithm=algorithm)

    def branch(self, x_rbld: Tensor) -> Tensor:
        return self.feed_forward(x_rbld)


mlp_small: Final = partial(MlpSeed, expansion=2)
mlp: Final = partial(MlpSeed, expansion=4)
