"""The convolutional host, R rows at once.

Legend: R rows (envs), B minibatch, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.errors import ConfigError
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import injection_specs, topology_of
from esper.growth.hosts.protocol import HostProtocol
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.convolution import StackedConv2d
from esper.layers.linear import StackedLinear
from esper.layers.native.block import native_block
from esper.layers.normalization import StackedBatchNorm2d
from esper.layers.pooling import stacked_global_mean, stacked_max_pool2d


class StackedHostBlock(nn.Module):
    """A convolution without bias, batch normalisation, a 2x2 max pool if the block is pooled, and ReLU.

    Pooling comes before the ReLU: maximum and ReLU commute, and this leaves a quarter of the values to be rectified.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        pooled: bool,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
    ) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.pooled = pooled
        self.convolution = StackedConv2d(
            in_channels, out_channels, kernel_size, generators=generators, algorithm=algorithm, bias=False
        )
        self.norm = StackedBatchNorm2d(out_channels, rows=len(generators), algorithm=algorithm)

    def forward(self, x_rbchw: Tensor) -> Tensor:
        if self.algorithm == "native":
            norm = self.norm.for_kernels()
            return native_block(x_rbchw, self.convolution.weight, norm, pooled=self.pooled, training=self.training)
        features: Tensor = self.norm(self.convolution(x_rbchw))
        if self.pooled:
            features = stacked_max_pool2d(features, algorithm=self.algorithm)
        return F.relu(features)


class StackedPool(nn.Module):
    """The 2x2 max pool of a block as a segment of its own, after a pre-pool injection point."""

    def __init__(self, algorithm: StackedAlgorithm) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm

    def forward(self, x_rbchw: Tensor) -> Tensor:
        return stacked_max_pool2d(x_rbchw, algorithm=self.algorithm)


class StackedCNNHost(HostProtocol):
    """R hosts of one HostConfig: a chain of blocks, then a global mean and a linear classifier.

    Row r is initialised from generators[r] alone.
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
        """input_shape: the channels, height and width of an image.

        Raises:
            ConfigError: the images are too small for the host's pooling.
        """
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.topology = topology_of(config)
        self.injection_specs = injection_specs(config)
        channels, height, width = input_shape
        if min(height, width) < 2**config.pooled_blocks:
            raise ConfigError(
                f"host.pool_layers halves the image {config.pooled_blocks} times, which {height}x{width} pixels do "
                f"not allow: set it to at most {min(height, width).bit_length() - 1}"
            )
        widths = (channels, *config.widths)
        self.blocks = nn.ModuleList()
        for i in range(config.blocks):
            pooled = i < config.pooled_blocks
            split = pooled and config.injection == "pre_and_post_pool"
            self.blocks.append(
                StackedHostBlock(
                    widths[i],
                    widths[i + 1],
                    config.kernel_size,
                    pooled=pooled and not split,
                    generators=generators,
                    algorithm=algorithm,
                )
            )
            if split:
                self.blocks.append(StackedPool(algorithm))
        self.classifier = StackedLinear(widths[-1], num_classes, generators=generators, algorithm=algorithm)

    def run_segment(self, index: int, features: Tensor) -> Tensor:
        return self.blocks[index](features)

    def classify(self, features: Tensor) -> Tensor:
        return self.classifier(stacked_global_mean(features, algorithm=self.algorithm))
