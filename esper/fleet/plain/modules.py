"""The slow twin's modules: one host and its seeds, made of ordinary torch.nn layers.

Parameters are registered in the order of the stacked modules, so that a row of theirs can be loaded as it lies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.contracts.actions import Blueprint
from esper.growth.blueprints.residual import group_count
from esper.growth.hosts.config import HostConfig
from esper.layers.normalization import differentiable


class PlainHost(nn.Module, ABC):
    """A host of one env, in the segments of growth/hosts/protocol.py."""

    @abstractmethod
    def run_segment(self, index: int, x: Tensor) -> Tensor:
        """The features at injection point index."""

    @abstractmethod
    def classify(self, x: Tensor) -> Tensor:
        """The logits from the last features."""


class PlainCNNHost(PlainHost):
    """The host of growth/hosts/cnn.py for one env. Its features are [B, C, H, W]."""

    def __init__(self, config: HostConfig, *, in_channels: int, num_classes: int) -> None:
        super().__init__()
        widths = (in_channels, *config.widths)
        self.blocks = nn.ModuleList()
        for i in range(config.blocks):
            pooled = i < config.pooled_blocks
            split = pooled and config.injection == "pre_and_post_pool"
            self.blocks.append(_block(widths[i], widths[i + 1], config.kernel_size, pooled=pooled and not split))
            if split:
                self.blocks.append(nn.MaxPool2d(2))
        self.classifier = nn.Linear(widths[-1], num_classes)

    def run_segment(self, index: int, x: Tensor) -> Tensor:
        return self.blocks[index](x)

    def classify(self, x: Tensor) -> Tensor:
        return self.classifier(x.mean((2, 3)))


def _block(in_channels: int, out_channels: int, kernel_size: int, *, pooled: bool) -> nn.Sequential:
    layers = [
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        *([nn.MaxPool2d(2)] if pooled else []),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers)


class PlainNorm(nn.Module):
    """growth/blueprints/norm.py for one env."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.norm = nn.GroupNorm(group_count(channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        x = differentiable(x)
        return x + self.gamma.view(-1, 1, 1) * (self.norm(x) - x)


class PlainAttention(nn.Module):
    """growth/blueprints/attention.py for one env."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // 4)
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.excite(F.silu(self.squeeze(x.mean((2, 3))))))
        return x + self.gamma.view(-1, 1, 1) * (x * gate[:, :, None, None])


class PlainDepthwise(nn.Module):
    """growth/blueprints/depthwise.py for one env."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.GroupNorm(group_count(channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma.view(-1, 1, 1) * F.relu(self.norm(self.pointwise(self.depthwise(x))))


class PlainConvLight(nn.Module):
    """growth/blueprints/conv_light.py for one env."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(group_count(channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma.view(-1, 1, 1) * F.relu(self.norm(self.convolution(x)))


class PlainConvSmall(nn.Module):
    """growth/blueprints/conv_small.py for one env."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.convolution = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.GroupNorm(group_count(channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma.view(-1, 1, 1) * F.relu(self.norm(self.convolution(x)))


class PlainConvHeavy(nn.Module):
    """growth/blueprints/conv_heavy.py for one env."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.GroupNorm(group_count(channels), channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.GroupNorm(group_count(channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.first_norm(self.first(x)))
        return x + self.gamma.view(-1, 1, 1) * F.relu(self.second_norm(self.second(hidden)))


class PlainBottleneck(nn.Module):
    """growth/blueprints/bottleneck.py for one env."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = max(8, channels // 4)
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.down = nn.Conv2d(channels, width, 1, bias=False)
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.up = nn.Conv2d(width, channels, 1, bias=False)
        self.norm = nn.GroupNorm(group_count(channels), channels)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.norm(self.up(F.silu(self.convolution(F.silu(self.down(x))))))
        return x + self.gamma.view(-1, 1, 1) * branch


class PlainGate(nn.Module):
    """growth/seeds/blend_gate.py for one env: images [B, C, H, W] to [B, 1, 1, 1], tokens [B, L, C] to [B, L, 1]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(8, channels // 4)
        self.hidden = nn.Linear(channels, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 3:
            return torch.sigmoid(self.output(F.silu(self.hidden(x))))
        return torch.sigmoid(self.output(F.silu(self.hidden(x.mean((2, 3))))))[:, :, None, None]


class PlainGatedSeed(nn.Module):
    """growth/seeds/planted_seed.py for one env: a seed and, for the GATE blend, its gate."""

    def __init__(self, seed: nn.Module, gate: PlainGate | None) -> None:
        super().__init__()
        self.seed = seed
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        return self.seed(x)


class PlainSeedFactory(Protocol):
    """Builds one seed for a channel width."""

    def __call__(self, channels: int) -> nn.Module: ...


PLAIN_SEEDS: Final[dict[Blueprint, PlainSeedFactory]] = {
    Blueprint.NORM: PlainNorm,
    Blueprint.ATTENTION: PlainAttention,
    Blueprint.DEPTHWISE: PlainDepthwise,
    Blueprint.CONV_LIGHT: PlainConvLight,
    Blueprint.CONV_SMALL: PlainConvSmall,
    Blueprint.CONV_HEAVY: PlainConvHeavy,
    Blueprint.BOTTLENECK: PlainBottleneck,
}


def load_flat(module: nn.Module, values: Tensor) -> None:
    """Load one row of the stacked twin, as read_row() gives it: parameters, then buffers."""
    running = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    targets = [*module.parameters(), *running]
    with torch.no_grad():
        for target, part in zip(targets, torch.split(values, [one.numel() for one in targets]), strict=True):
            target.copy_(part.view_as(target))


def flat(module: nn.Module) -> Tensor:
    """The inverse of load_flat, to compare with a row of the stacked twin."""
    running = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    return torch.cat([tensor.detach().reshape(-1) for tensor in (*module.parameters(), *running)])
