"""Blueprints ATTENTION and FLEX_ATTENTION of transformers: causal self-attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from esper.growth.blueprints.residual import TokenSeed
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.attention import AttentionKernel, StackedSelfAttention, scaled_dot_product
from esper.layers.flex_attention import flex_or_sdpa

_MOST_HEADS = 4


class TokenAttentionSeed(TokenSeed):
    """f(x) = proj(causal attention(qkv(x))), with four heads or fewer (see head_count) and 4D^2 + 5D parameters."""

    kernel: AttentionKernel = staticmethod(scaled_dot_product)

    def __init__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        self.attention = StackedSelfAttention(
            channels, head_count(channels), generators=generators, algorithm=algorithm, kernel=self.kernel
        )

    def branch(self, x_rbld: Tensor) -> Tensor:
        return self.attention(x_rbld)


class FlexAttentionSeed(TokenAttentionSeed):
    """The same maths, by torch's flex attention where it can train and by SDPA elsewhere (layers/flex_attention.py)."""

    kernel: AttentionKernel = staticmethod(flex_or_sdpa)


def head_count(width: int) -> int:
    """The number of heads of a seed's attention: the largest of 4, 2 and 1 that divides the width.

    >>> [head_count(width) for width in (64, 6, 5)]
    [4, 2, 1]
    """
    return next(heads for heads in (_MOST_HEADS, 2, 1) if width % heads == 0)
