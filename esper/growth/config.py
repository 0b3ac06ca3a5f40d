"""Configuration of hosts and of the life of seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.actions import Topology
from esper.contracts.slots import SlotConfig, parse_slot_id
from esper.contracts.validation import ConfigError, require_non_negative, require_positive
from esper.growth.host_kinds import host_kind
from esper.growth.injection import InjectionSpec

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
    """What kind of host grows, how large it is, and which of its slots are enabled (docs/hosts.md).

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
        self.slot_config()

    @property
    def topology(self) -> Topology:
        return host_kind(self.kind).topology

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each block of a convolutional host."""
        return tuple(self.base_channels * 2**i for i in range(self.blocks))

    @property
    def pooled_blocks(self) -> int:
        return self.blocks if self.pool_layers == -1 else self.pool_layers

    def injection_specs(self) -> tuple[InjectionSpec, ...]:
        """Every place where a seed can grow, in the order in which the host computes them."""
        return host_kind(self.kind).injection_specs(self)

    def slot_config(self) -> SlotConfig:
        """The enabled slots with their channel widths.

        Raises:
            ConfigError: slots names one that this host has not. ValueError: slots is not in row-major order.
        """
        every = {spec.slot_id: spec.width for spec in self.injection_specs()}
        names = self.slots or tuple(sorted(every, key=parse_slot_id))
        for name in names:
            if name not in every:
                raise ConfigError(f"host.slots names {name!r}: this host has {', '.join(every)}")
        return SlotConfig(slot_ids=names, channels=tuple(every[name] for name in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthConfig:
    """Rules of the seed lifecycle. Times are in epochs.

    permissive_gates: G2, G3 and G5 without their strict improvement checks. auto_forward_*: pass that gate without
    waiting for ADVANCE. min_training_epochs: epochs in TRAINING before G2 opens. min_stage_epochs_strict: extra age
    that strict G2 and G3 ask. holding_timeout: prune a seed that has sat in HOLDING this long; 0 = never.
    max_seeds: live plus fossilised seeds per env; 0 = unlimited. single_incubation: refuse GERMINATE while another
    slot is germinated, training or cooling down. layer_scale: initial gamma of x + gamma * f(x).
    """

    permissive_gates: bool = True
    auto_forward_g1: bool = False
    auto_forward_g2: bool = False
    auto_forward_g3: bool = False
    min_training_epochs: int = 10
    min_stage_epochs_strict: int = 3
    min_stage_improvement: float = 0.5
    min_gradient_ratio: float = 0.10
    min_gradient_health: float = 0.7
    min_fossilize_contribution: float = 1.0
    min_prune_age: int = 5
    embargo_epochs: int = 5
    holding_timeout: int = 20
    max_seeds: int = 0
    single_incubation: bool = True
    layer_scale: float = 1e-3

    def __post_init__(self) -> None:
        require_positive("growth", layer_scale=self.layer_scale, min_training_epochs=self.min_training_epochs)
        require_non_negative(
            "growth",
            min_stage_epochs_strict=self.min_stage_epochs_strict,
            min_prune_age=self.min_prune_age,
            embargo_epochs=self.embargo_epochs,
            holding_timeout=self.holding_timeout,
            max_seeds=self.max_seeds,
        )

    @property
    def advance_disabled(self) -> bool:
        """ADVANCE has nothing to do when every gate is passed automatically."""
        return self.auto_forward_g1 and self.auto_forward_g2 and self.auto_forward_g3
