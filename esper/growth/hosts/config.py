"""What kind of host grows, and how large it is. Plain values: what a kind makes of them is in growth/hosts/kinds.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.settings import check_settings, setting
from esper.errors import ConfigError

InjectionPlace = Literal["post_pool", "pre_and_post_pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """A causal transformer (docs/guides/hosts.md)."""

    width: int = setting(
        64, "The width of the features, which the heads share evenly.", at_least=1, at_most=65_536, unit="features"
    )
    heads: int = setting(4, "The number of attention heads.", at_least=1, at_most=1_024, unit="heads")
    layers: int = setting(3, "The number of layers.", at_least=1, at_most=1_024, unit="layers")
    segments: int = setting(
        3,
        "The number of equal parts of the layers, with a slot after each.",
        at_least=1,
        at_most=1_024,
        unit="segments",
    )

    def __post_init__(self) -> None:
        check_settings(self, "host.transformer")
        if self.width % self.heads:
            raise ConfigError(
                f"host.transformer.heads is {self.heads}: it must divide host.transformer.width ({self.width})"
            )
        if self.layers % self.segments:
            raise ConfigError(
                f"host.transformer.segments is {self.segments}: it must divide host.transformer.layers ({self.layers})"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """What kind of host grows, how large it is, and which of its slots are enabled (docs/guides/hosts.md).

    The fields from base_channels on describe a cnn, and the transformer table a transformer.
    """

    kind: str = setting("cnn", "The kind of host: cnn, transformer, or one that a plug-in registers.")
    slots: tuple[str, ...] = setting(
        (), "The ids of the enabled slots, in row-major order; empty means every slot of the host."
    )
    base_channels: int = setting(
        8,
        "The width of the first block; each later block is twice as wide as the one before.",
        at_least=1,
        at_most=65_536,
        unit="channels",
    )
    blocks: int = setting(3, "The number of convolution blocks.", at_least=1, at_most=12, unit="blocks")
    kernel_size: int = setting(
        3, "The side of the convolution kernels.", at_least=1, at_most=63, unit="pixels", odd=True
    )
    pool_layers: int = setting(
        -1,
        "How many leading blocks end in a 2x2 max pool; -1 means all of them.",
        at_least=-1,
        at_most=12,
        unit="blocks",
    )
    injection: InjectionPlace = setting(
        "post_pool",
        "Whether slots follow the pool of every block (post_pool) or also stand before it (pre_and_post_pool).",
    )
    transformer: TransformerConfig = field(default_factory=TransformerConfig)

    def __post_init__(self) -> None:
        check_settings(self, "host")
        if self.pool_layers > self.blocks:
            raise ConfigError(
                f"host.pool_layers is {self.pool_layers}: it must be -1 or from 0 to host.blocks ({self.blocks})"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each block of a convolutional host."""
        return tuple(self.base_channels * 2**i for i in range(self.blocks))

    @property
    def pooled_blocks(self) -> int:
        return self.blocks if self.pool_layers == -1 else self.pool_layers
