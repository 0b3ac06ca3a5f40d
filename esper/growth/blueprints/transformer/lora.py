"""Blueprints LORA and LORA_LARGE: a linear map of low rank."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import torch
from torch import Tensor

from esper.growth.blueprints.residual import TokenSeed
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.linear import StackedLinear


class LoraSeed(TokenSeed):
    """f(x) = up(down(x)), without bias, through as many dimensions as its rank: 2 D rank + D parameters."""

    def __init__(
        self,
        channels: int,
        layer_scale: float,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
        *,
        rank: int,
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        self.down = StackedLinear(channels, rank, generators=generators, algorithm=algorithm, bias=False)
        self.up = StackedLinear(rank, channels, generators=generators, algorithm=algorithm, bias=False)

    def branch(self, x_rbld: Tensor) -> Tensor:
        return self.up(self.down(x_rbld))


lora: Final = partial(LoraSeed, rank=8)
lora_large: Final = partial(LoraSeed, rank=32)
