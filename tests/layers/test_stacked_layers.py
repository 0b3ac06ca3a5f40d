"""Each row of a stacked layer does what the plain layer does: values, gradients, initialisation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import ALGORITHMS, StackedAlgorithm
from esper.layers.convolution import StackedConv2d
from esper.layers.linear import StackedLinear
from esper.layers.normalization import StackedBatchNorm2d, StackedGroupNorm
from esper.layers.pooling import stacked_global_mean, stacked_max_pool2d
from esper.layers.rows import append_rows, keep_rows
from esper.layers.scaling import stacked_scaled_sum

ROWS = 3


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def images(rows: int = ROWS, channels: int = 4, size: int = 6, *, shared: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(1 if shared else rows, 5, channels, size, size, generator=generator)
    return x.expand(rows, -1, -1, -1, -1)


def assert_rows_match(stacked: nn.Module, plain: list[nn.Module], x: Tensor) -> None:
    """Same output, same gradient of the input, same gradient of every parameter, row by row."""
    inputs = x.detach().clone().requires_grad_() if x.stride(0) else x
    outputs = stacked(inputs)
    weights = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(9))
    (outputs * weights).sum().backward()
    for row, module in enumerate(plain):
        single = x[row].detach().clone().requires_grad_()
        expected = module(single)
        (expected * weights[row]).sum().backward()
        torch.testing.assert_close(outputs[row], expected, rtol=1e-5, atol=1e-5)
        if inputs.grad is not None:
            torch.testing.assert_close(inputs.grad[row], single.grad, rtol=1e-4, atol=1e-5)
        mine = dict(stacked.named_parameters())
        for name, parameter in module.named_parameters():
            gradient = mine[name].grad
            assert gradient is not None
            torch.testing.assert_close(gradient[row], parameter.grad, rtol=1e-4, atol=1e-5)


def copy_row(stacked: nn.Module, row: int, plain: nn.Module) -> nn.Module:
    with torch.no_grad():
        mine = dict(stacked.named_parameters())
        for name, parameter in plain.named_parameters():
            parameter.copy_(mine[name][row])
    return plain


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("groups", "kernel", "bias"), [(1, 3, True), (1, 1, False), (4, 3, False), (2, 5, True)])
def test_convolution_equals_one_plain_convolution_per_row(
    algorithm: StackedAlgorithm, shared: bool, groups: int, kernel: int, bias: bool
) -> None:
    layer = StackedConv2d(4, 8, kernel, generators=generators(1, 2, 3), algorithm=algorithm, groups=groups, bias=bias)
    plain = [
        copy_row(layer, row, nn.Conv2d(4, 8, kernel, padding=kernel // 2, groups=groups, bias=bias))
        for row in range(ROWS)
    ]
    assert_rows_match(layer, plain, images(shared=shared))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("bias", [False, True])
def test_linear_equals_one_plain_linear_per_row(algorithm: StackedAlgorithm, bias: bool) -> None:
    layer = StackedLinear(7, 4, generators=generators(1, 2, 3), algorithm=algorithm, bias=bias)
    plain = [copy_row(layer, row, nn.Linear(7, 4, bias=bias)) for row in range(ROWS)]
    assert_rows_match(layer, plain, torch.randn(ROWS, 5, 7, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_batch_norm_equals_one_plain_batch_norm_per_row(algorithm: StackedAlgorithm) -> None:
    layer = StackedBatchNorm2d(4, rows=ROWS, algorithm=algorithm)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(1))
    plain = [nn.BatchNorm2d(4) for _ in range(ROWS)]
    for row, module in enumerate(plain):
        copy_row(layer, row, module)
    x = images() * torch.tensor([1.0, 3.0, 0.1]).view(-1, 1, 1, 1, 1) + 0.5
    assert_rows_match(layer, list(plain), x)
    for row, module in enumerate(plain):
        torch.testing.assert_close(layer.running_mean[row], module.running_mean)
        torch.testing.assert_close(layer.running_var[row], module.running_var)
    layer.eval()
    for row, module in enumerate(plain):
        torch.testing.assert_close(layer(x)[row], module.eval()(x[row]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm_equals_one_plain_group_norm_per_row(algorithm: StackedAlgorithm, groups: int) -> None:
    layer = StackedGroupNorm(groups, 4, rows=ROWS, algorithm=algorithm)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(1))
    plain = [copy_row(layer, row, nn.GroupNorm(groups, 4)) for row in range(ROWS)]
    assert_rows_match(layer, plain, images())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_group_norm_trains_on_an_input_that_needs_no_gradient(algorithm: StackedAlgorithm) -> None:
    layer = StackedGroupNorm(4, 4, rows=ROWS, algorithm=algorithm)
    folded = images().permute(1, 3, 4, 0, 2).contiguous().permute(3, 0, 4, 1, 2)
    layer(folded).square().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("size", [2, 5])
def test_pooling_equals_plain_pooling(algorithm: StackedAlgorithm, channels: int, size: int) -> None:
    x = images(channels=channels, size=size)
    for row in range(ROWS):
        pooled = stacked_max_pool2d(x, algorithm=algorithm)[row]
        assert torch.equal(pooled, F.max_pool2d(x[row], 2))
        means = stacked_global_mean(x, algorithm=algorithm)[row]
        torch.testing.assert_close(means, x[row].mean((2, 3)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_scaled_sum_uses_each_rows_factors(algorithm: StackedAlgorithm) -> None:
    x, branch = images(), images().flip(0)
    gamma = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(2))
    result = stacked_scaled_sum(x, branch, gamma, algorithm=algorithm)
    torch.testing.assert_close(result, x + gamma[:, None, :, None, None] * branch)


@pytest.mark.parametrize(
    ("build", "plain"),
    [
        (lambda g: StackedConv2d(3, 5, 3, generators=g, algorithm="loop"), lambda: nn.Conv2d(3, 5, 3)),
        (lambda g: StackedLinear(6, 5, generators=g, algorithm="loop"), lambda: nn.Linear(6, 5)),
    ],
)
def test_initialisation_has_the_plain_layers_distribution(
    build: Callable[[list[torch.Generator]], nn.Module], plain: Callable[[], nn.Module]
) -> None:
    stacked = dict(build(generators(*range(400))).named_parameters())
    torch.manual_seed(0)
    many = [dict(plain().named_parameters()) for _ in range(400)]
    for name in ("weight", "bias"):
        mine, reference = stacked[name], torch.stack([one[name] for one in many])
        assert mine.shape == reference.shape
        torch.testing.assert_close(mine.abs().max(), reference.abs().max(), rtol=0.02, atol=0)
        torch.testing.assert_close(mine.std(), reference.std(), rtol=0.05, atol=0)
        assert abs(float(mine.detach().mean())) < 0.02


def test_a_row_is_initialised_from_its_own_generator_alone() -> None:
    fleet = StackedConv2d(3, 5, 3, generators=generators(1, 2, 3), algorithm="grouped")
    solo = StackedConv2d(3, 5, 3, generators=generators(2), algorithm="grouped")
    assert torch.equal(fleet.weight[1], solo.weight[0])
    assert fleet.bias is not None
    assert solo.bias is not None
    assert torch.equal(fleet.bias[1], solo.bias[0])
    assert not torch.equal(fleet.weight[0], fleet.weight[1])


def test_rows_can_be_appended_and_dropped() -> None:
    layer = StackedBatchNorm2d(2, rows=2, algorithm="loop")
    other = StackedBatchNorm2d(2, rows=1, algorithm="loop")
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 1.0], [2.0, 2.0]]))
        other.weight.fill_(3.0)
        other.running_mean.fill_(7.0)
    append_rows(layer, other)
    assert layer.weight[:, 0].tolist() == [1.0, 2.0, 3.0]
    keep_rows(layer, torch.tensor([2, 0]))
    assert layer.weight[:, 0].tolist() == [3.0, 1.0]
    assert layer.running_mean[:, 0].tolist() == [7.0, 0.0]
    layer(images(rows=2, channels=2)).square().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.shape == (2, 2)
