"""The stacked feed-forward layer of transformers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.linear import StackedLinear


class StackedFeedForward(nn.Module):
    """R two-layer perceptrons, W2 gelu(W1 x + b1) + b2, with a hidden width of expansion times the width."""

    def __init__(
        self, width: int, expansion: int, *, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__()
        self.expand = StackedLinear(width, expansion * width, generators=generators, algorithm=algorithm)
        self.contract = StackedLinear(expansion * width, width, generators=generators, algorithm=algorithm)

    def forward(self, x_rbld: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(x_rbld)))
