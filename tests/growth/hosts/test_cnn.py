"""The convolutional host: sizes, and equality with an ordinary module."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from esper.errors import ConfigError
from esper.growth.hosts.cnn import StackedCNNHost
from esper.growth.hosts.config import HostConfig
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.rows import parameters_per_row

CIFAR = (3, 32, 32)


def build(
    config: HostConfig, shape: tuple[int, int, int] = CIFAR, rows: int = 2, algorithm: StackedAlgorithm = "grouped"
) -> StackedCNNHost:
    generators = [torch.Generator().manual_seed(row) for row in range(rows)]
    return StackedCNNHost(config, input_shape=shape, num_classes=10, generators=generators, algorithm=algorithm)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (HostConfig(base_channels=8, blocks=3), 6_418),
        (HostConfig(base_channels=8, blocks=5), 99_922),
        (HostConfig(base_channels=1, kernel_size=1, blocks=3), 77),
        (HostConfig(base_channels=2, kernel_size=1, pool_layers=0, blocks=3), 164),
    ],
    ids=["cifar_baseline", "cifar_scale", "cifar_impaired", "cifar_minimal"],
)
def test_parameter_counts_of_the_reference_hosts(config: HostConfig, count: int) -> None:
    assert parameters_per_row(build(config)) == count


@pytest.mark.parametrize("algorithm", ["grouped", "loop", "native"])
@pytest.mark.parametrize("pool_layers", [-1, 0, 1])
def test_a_row_equals_convolution_batch_norm_relu_pool(algorithm: StackedAlgorithm, pool_layers: int) -> None:
    config = HostConfig(base_channels=4, blocks=2, pool_layers=pool_layers)
    host = build(config, (1, 8, 8), rows=3, algorithm=algorithm)
    x = torch.randn(3, 6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    features = x
    for block in range(2):
        features = host.run_segment(block, features)
    logits = host.classify(features)
    assert logits.shape == (3, 6, 10)
    for row in range(3):
        expected = x[row]
        for block in range(2):
            plain = nn.Sequential(nn.Conv2d(*((1, 4), (4, 8))[block], 3, padding=1, bias=False))
            weight = dict(host.named_parameters())[f"blocks.{block}.convolution.weight"]
            plain[0].weight = nn.Parameter(weight[row].detach())
            expected = nn.BatchNorm2d((4, 8)[block])(plain(expected)).relu()
            if block < config.pooled_blocks:
                expected = nn.functional.max_pool2d(expected, 2)
        head = dict(host.classifier.named_parameters())
        expected = nn.functional.linear(expected.mean((2, 3)), head["weight"][row], head["bias"][row])
        torch.testing.assert_close(logits[row], expected, rtol=1e-4, atol=1e-5)


def test_images_too_small_for_the_pooling_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"host\.pool_layers halves the image 4 times.*at most 3"):
        build(HostConfig(base_channels=2, blocks=4), (1, 8, 8))
