"""The transformer host, R rows at once.

Legend: R rows (envs), B minibatch, L tokens of a sample, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import injection_specs, topology_of
from esper.growth.hosts.protocol import HostProtocol
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.attention import StackedSelfAttention
from esper.layers.embedding import StackedEmbedding
from esper.layers.feed_forward import StackedFeedForward
from esper.layers.linear import stacked_linear
from esper.layers.normalization import StackedLayerNorm

_EXPANSION = 4


class StackedTransformerLayer(nn.Module):
    """A pre-LN layer: x + attention(LN(x)), then x + mlp(LN(x)). The mlp uses GELU and is four times as wide."""

    def __init__(
        self, width: int, heads: int, *, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__()
        rows = len(generators)
        self.attention_norm = StackedLayerNorm(width, rows=rows, algorithm=algorithm)
        self.attention = StackedSelfAttention(width, heads, generators=generators, algorithm=algorithm)
        self.feed_forward_norm = StackedLayerNorm(width, rows=rows, algorithm=algorithm)
        self.feed_forward = StackedFeedForward(width, _EXPANSION, generators=generators, algorithm=algorithm)

    def forward(self, x_rbld: Tensor) -> Tensor:
        x_rbld = x_rbld + self.attention(self.attention_norm(x_rbld))
        return x_rbld + self.feed_forward(self.feed_forward_norm(x_rbld))


class StackedTransformerHost(HostProtocol):
    """R causal language models of one HostConfig.

    They have learned positions, pre-LN layers, a final layer norm, and a head without bias that is tied to the token
    embedding. There is no dropout. Row r is initialised from generators[r] alone.
    """

    def __init__(
        self,
        config: HostConfig,
        *,
        input_shape: tuple[int, ...],
        num_classes: int,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
    ) -> None:
        """input_shape: the longest context, as (L,).
        num_classes: size of the vocabulary.
        """
        super().__init__()
        (context,) = input_shape
        shape = config.transformer
        self.algorithm: StackedAlgorithm = algorithm
        self.topology = topology_of(config)
        self.injection_specs = injection_specs(config)
        self.layers_per_segment = shape.layers // shape.segments
        self.embedding = StackedEmbedding(num_classes, context, shape.width, generators=generators, algorithm=algorithm)
        self.layers = nn.ModuleList(
            StackedTransformerLayer(shape.width, shape.heads, generators=generators, algorithm=algorithm)
            for _ in range(shape.layers)
        )
        self.norm = StackedLayerNorm(shape.width, rows=len(generators), algorithm=algorithm)

    def run_segment(self, index: int, features: Tensor) -> Tensor:
        if index == 0:
            features = self.embedding(features)
        first = index * self.layers_per_segment
        for layer in self.layers[first : first + self.layers_per_segment]:
            features = layer(features)
        return features

    def classify(self, features: Tensor) -> Tensor:
        return stacked_linear(self.norm(features), self.embedding.tokens, None, algorithm=self.algorithm)
