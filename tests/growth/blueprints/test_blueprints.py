"""Every blueprint is close to the identity at birth, and nothing in it is dead."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from esper.contracts.actions import Blueprint, Topology
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.blueprints.registry import CNN_SEEDS, build_seed
from esper.growth.blueprints.residual import ResidualSeed, group_count
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.rows import parameters_per_row, row_tensors

KINDS = sorted(CNN_SEEDS)
ALGORITHMS: tuple[StackedAlgorithm, ...] = ("grouped", "loop")


def seeds(kind: Blueprint, channels: int, algorithm: StackedAlgorithm, *numbers: int) -> ResidualSeed:
    generators = [torch.Generator().manual_seed(number) for number in numbers]
    return build_seed(kind, channels=channels, layer_scale=1e-3, generators=generators, algorithm=algorithm)


def host_features(rows: int, channels: int) -> Tensor:
    """What a host block gives: rectified, at least 0."""
    generator = torch.Generator().manual_seed(channels)
    return torch.randn(rows, 8, channels, 4, 4, generator=generator).relu()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("channels", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("kind", KINDS)
def test_a_newborn_is_close_to_its_input_and_every_parameter_learns(
    kind: Blueprint, channels: int, algorithm: StackedAlgorithm
) -> None:
    rows = 5
    module = seeds(kind, channels, algorithm, *range(rows))
    x = host_features(rows, channels)
    output = module(x)
    assert output.shape == x.shape
    assert (output - x).abs().max() < 0.01
    assert not torch.equal(output, x)
    (output * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad.flatten(1).abs().amax(1) > 0).all(), name


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_what_it_would_do_alone(kind: Blueprint, algorithm: StackedAlgorithm) -> None:
    fleet, solo = seeds(kind, 8, algorithm, 1, 2, 3), seeds(kind, 8, algorithm, 2)
    for mine, alone in zip(row_tensors(fleet), row_tensors(solo), strict=True):
        assert torch.equal(mine[1], alone[0])
    x = host_features(3, 8)
    torch.testing.assert_close(fleet(x)[1], solo(x[1:2])[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (Blueprint.NORM, 3 * 16),
        (Blueprint.ATTENTION, 2 * 16 * 4 + 2 * 16),
        (Blueprint.DEPTHWISE, 9 * 16 + 16**2 + 3 * 16),
        (Blueprint.CONV_LIGHT, 9 * 16**2 + 3 * 16),
        (Blueprint.CONV_SMALL, 16**2 + 3 * 16),
        (Blueprint.CONV_HEAVY, 18 * 16**2 + 5 * 16),
        (Blueprint.BOTTLENECK, 2 * 16 * 8 + 9 * 8**2 + 3 * 16),
    ],
)
def test_parameter_counts(kind: Blueprint, count: int) -> None:
    assert parameters_per_row(seeds(kind, 16, "grouped", 0, 1)) == count


def test_group_counts() -> None:
    assert [group_count(channels) for channels in (4, 8, 16, 32, 64, 128)] == [4, 8, 1, 2, 4, 8]


def test_the_catalogue_lists_what_the_registry_builds() -> None:
    assert available_blueprints(Topology.CNN) == frozenset(CNN_SEEDS)


def test_an_unknown_blueprint_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="LORA cannot grow"):
        seeds(Blueprint.LORA, 8, "grouped", 0)
