"""Stacked causal self-attention: R attention layers of the same shape in one call.

Legend: R rows, B minibatch, L tokens, D width, N heads, S width of a head (D / N).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.linear import StackedLinear

AttentionKernel = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From queries, keys and values [X, N, L, S] to the causal weighted means [X, N, L, S], for any leading X."""


def scaled_dot_product(query_xnls: Tensor, key_xnls: Tensor, value_xnls: Tensor) -> Tensor:
    """Causal attention by torch's scaled_dot_product_attention (SDPA)."""
    return F.scaled_dot_product_attention(query_xnls, key_xnls, value_xnls, is_causal=True)


class StackedSelfAttention(nn.Module):
    """R causal self-attentions with fused query, key and value projections and an output projection, all with bias.

    Rows share the batch axis of the attention kernel, along which samples never influence each other.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
        kernel: AttentionKernel = scaled_dot_product,
    ) -> None:
        super().__init__()
        assert width % heads == 0, "heads share the width evenly"
        self.algorithm: StackedAlgorithm = algorithm
        self.heads = heads
        self.kernel = kernel
        self.qkv = StackedLinear(width, 3 * width, generators=generators, algorithm=algorithm)
        self.projection = StackedLinear(width, width, generators=generators, algorithm=algorithm)

    def forward(self, x_rbld: Tensor) -> Tensor:
        fused: Tensor = self.qkv(x_rbld)
        if self.algorithm != "loop":
            mixed = self._attend(fused.flatten(0, 1)).view_as(x_rbld)
        else:
            mixed = torch.stack([self._attend(row) for row in fused.unbind(0)])
        return self.projection(mixed)

    def _attend(self, fused_xl: Tensor) -> Tensor:
        """From the fused projections [X, L, 3 D] to the attended values [X, L, D]."""
        samples, length, _ = fused_xl.shape
        query, key, value = fused_xl.view(samples, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return self.kernel(query, key, value).transpose(1, 2).flatten(2)
