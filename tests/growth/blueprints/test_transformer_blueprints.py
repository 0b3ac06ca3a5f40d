"""Every transformer blueprint is close to the identity at birth, nothing in it is dead, and it never looks ahead."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from esper.contracts.actions import Blueprint, Topology
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.blueprints.registry import CNN_SEEDS, TRANSFORMER_SEEDS, build_seed
from esper.growth.blueprints.residual import ResidualSeed
from esper.growth.blueprints.transformer.attention import head_count
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.rows import parameters_per_row, row_tensors

KINDS = sorted(TRANSFORMER_SEEDS)
ALGORITHMS: tuple[StackedAlgorithm, ...] = ("grouped", "loop")


def seeds(kind: Blueprint, width: int, algorithm: StackedAlgorithm, *numbers: int) -> ResidualSeed:
    return build_seed(
        kind,
        channels=width,
        layer_scale=1e-3,
        generators=[torch.Generator().manual_seed(number) for number in numbers],
        algorithm=algorithm,
        topology=Topology.TRANSFORMER,
    )


def features(rows: int, width: int) -> Tensor:
    return torch.randn(rows, 4, 6, width, generator=torch.Generator().manual_seed(width))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("width", [4, 6, 32, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_a_newborn_is_close_to_its_input_and_every_parameter_learns(
    kind: Blueprint, width: int, algorithm: StackedAlgorithm
) -> None:
    module = seeds(kind, width, algorithm, *range(3))
    x = features(3, width)
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
    x = features(3, 8)
    torch.testing.assert_close(fleet(x)[1], solo(x[1:2])[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_does_not_see_later_ones(kind: Blueprint) -> None:
    module = seeds(kind, 8, "grouped", 1)
    x = features(1, 8)
    later = x.clone()
    later[:, :, 4:] += 1.0
    assert torch.equal(module(x)[:, :, :4], module(later)[:, :, :4])


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        (Blueprint.NORM, 2 * 384),
        (Blueprint.LORA, 6_144),
        (Blueprint.LORA_LARGE, 24_576),
        (Blueprint.ATTENTION, 591_360),
        (Blueprint.MLP_SMALL, 590_976),
        (Blueprint.MLP, 1_181_568),
        (Blueprint.FLEX_ATTENTION, 591_360),
    ],
)
def test_parameter_counts_are_those_of_the_reference_and_gamma(kind: Blueprint, reference: int) -> None:
    assert parameters_per_row(seeds(kind, 384, "grouped", 0)) == reference + 384


def test_heads_divide_the_width() -> None:
    assert [head_count(width) for width in (64, 6, 5)] == [4, 2, 1]


def test_the_catalogue_lists_what_the_registry_builds() -> None:
    assert available_blueprints(Topology.TRANSFORMER) == frozenset(TRANSFORMER_SEEDS)


def test_a_blueprint_of_both_families_is_two_modules() -> None:
    assert TRANSFORMER_SEEDS[Blueprint.NORM] is not CNN_SEEDS[Blueprint.NORM]
    assert TRANSFORMER_SEEDS[Blueprint.ATTENTION] is not CNN_SEEDS[Blueprint.ATTENTION]


def test_a_convolution_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="CONV_LIGHT cannot grow in a transformer host"):
        seeds(Blueprint.CONV_LIGHT, 8, "grouped", 0)
