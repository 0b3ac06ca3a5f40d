"""The slow twin's transformer: one host and its seeds, made of ordinary torch.nn layers.

Parameters are registered in the order of the stacked modules, so that a row of theirs can be loaded as it lies.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.contracts.actions import Blueprint
from esper.fleet.plain.modules import PlainHost, PlainSeedFactory
from esper.growth.blueprints.transformer.attention import head_count
from esper.growth.hosts.config import TransformerConfig


class PlainEmbedding(nn.Module):
    """layers/embedding.py for one env."""

    def __init__(self, vocabulary: int, context: int, width: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(vocabulary, width))
        self.positions = nn.Parameter(torch.zeros(context, width))

    def forward(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.tokens) + self.positions[: ids.shape[1]]


class PlainSelfAttention(nn.Module):
    """layers/attention.py for one env."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.projection(mixed.transpose(1, 2).flatten(2))


class PlainFeedForward(nn.Module):
    """layers/feed_forward.py for one env."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(x)))


class PlainTransformerLayer(nn.Module):
    """One pre-LN layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = PlainSelfAttention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = PlainFeedForward(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class PlainTransformerHost(PlainHost):
    """growth/hosts/transformer.py for one env. Its features are [B, L, D]."""

    def __init__(self, config: TransformerConfig, *, context: int, vocabulary: int) -> None:
        super().__init__()
        self.layers_per_segment = config.layers // config.segments
        self.embedding = PlainEmbedding(vocabulary, context, config.width)
        self.layers = nn.ModuleList(PlainTransformerLayer(config.width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def run_segment(self, index: int, x: Tensor) -> Tensor:
        if index == 0:
            x = self.embedding(x)
        first = index * self.layers_per_segment
        for layer in self.layers[first : first + self.layers_per_segment]:
            x = layer(x)
        return x

    def classify(self, x: Tensor) -> Tensor:
        return F.linear(self.norm(x), self.embedding.tokens)


class PlainTokenSeed(nn.Module):
    """x + gamma * f(x), where f is any module that reads tokens."""

    def __init__(self, width: int, branch: nn.Module) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(width))
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma * self.branch(x)


class PlainTowardNorm(nn.LayerNorm):
    """LN(x) - x."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) - input


def _norm(channels: int) -> nn.Module:
    return PlainTokenSeed(channels, PlainTowardNorm(channels))


def _lora(channels: int, rank: int) -> nn.Module:
    down, up = nn.Linear(channels, rank, bias=False), nn.Linear(rank, channels, bias=False)
    return PlainTokenSeed(channels, nn.Sequential(down, up))


def _attention(channels: int) -> nn.Module:
    return PlainTokenSeed(channels, PlainSelfAttention(channels, head_count(channels)))


def _mlp(channels: int, expansion: int) -> nn.Module:
    return PlainTokenSeed(channels, PlainFeedForward(channels, expansion))


PLAIN_TOKEN_SEEDS: Final[dict[Blueprint, PlainSeedFactory]] = {
    Blueprint.NORM: _norm,
    Blueprint.LORA: partial(_lora, rank=8),
    Blueprint.LORA_LARGE: partial(_lora, rank=32),
    Blueprint.ATTENTION: _attention,
    Blueprint.MLP_SMALL: partial(_mlp, expansion=2),
    Blueprint.MLP: partial(_mlp, expansion=4),
    Blueprint.FLEX_ATTENTION: _attention,
}
