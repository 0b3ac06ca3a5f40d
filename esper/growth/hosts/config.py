"""What kind of host grows, and how large it is. Plain values: what a kind makes of them is in hosts/kinds.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.validation import require_positive
from esper.errors import ConfigError

InjectionPlace = Literal["post_pool", "pre_and_post_pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """A causal transformer. width: of the features, shared evenly by the heads. segments: equal parts of the layers,
    with a slot after each.
    """

    width: int = 64
    heads: int = 4
    layers: int = 3
    segments: int = 3

    def __post_init__(self) -> None:
        require_positive(
            "host.transformer", width=self.width, heads=self.heads, layers=self.layers, segments=self.segments
        )
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

    kind: cnn, described by the fields below, transformer, described by the transformer table, or a registered kind.
    slots: ids of the enabled slots; empty means all that the host has.

    base_channels: block i has width base_channels * 2**i. blocks: number of blocks. kernel_size: odd. pool_layers:
    how many leading blocks end in a 2x2 max pool; -1 means all. injection: slots behind the pool of every block
    (post_pool), or before and behind it (pre_and_post_pool).
    """

    kind: str = "cnn"
    slots: tuple[str, ...] = ()
    base_channels: int = 8
    blocks: int = 3
    kernel_size: int = 3
    pool_layers: int = -1
    injection: InjectionPlace = "post_pool"
    transformer: TransformerConfig = field(default_factory=TransformerConfig)

    def __post_init__(self) -> None:
        require_positive("host", base_channels=self.base_channels, blocks=self.blocks, kernel_size=self.kernel_size)
        if self.kernel_size % 2 == 0:
            raise ConfigError(f"host.kernel_size is {self.kernel_size}: it must be odd so that blocks keep their size")
        if not -1 <= self.pool_layers <= self.blocks:
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
