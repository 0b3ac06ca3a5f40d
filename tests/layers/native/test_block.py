"""The block of a host as one native operation against the separate torch operators."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from esper.layers.native.block import BatchNorm, native_block


@dataclass(frozen=True)
class Case:
    rows: int = 2
    batch: int = 21
    inputs: int = 3
    outputs: int = 5
    height: int = 6
    width: int = 7
    kernel_size: int = 3
    pooled: bool = True
    shared: bool = False


cases = st.builds(
    Case,
    rows=st.integers(1, 3),
    batch=st.integers(2, 40),
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 9),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    kernel_size=st.sampled_from([1, 3, 5]),
    pooled=st.booleans(),
    shared=st.booleans(),
)


def draw(case: Case, dtype: torch.dtype = torch.float64) -> tuple[Tensor, list[Tensor]]:
    """Images, and weights, gamma (of either sign) and beta of the block."""
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    images = normal(1 if case.shared else case.rows, case.batch, case.inputs, case.height, case.width)
    weight = normal(case.rows, case.outputs, case.inputs, case.kernel_size, case.kernel_size)
    parameters = [weight, normal(case.rows, case.outputs), normal(case.rows, case.outputs)]
    return images.expand(case.rows, -1, -1, -1, -1), parameters


def statistics(case: Case, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    mean = torch.zeros(case.rows, case.outputs, dtype=dtype)
    return mean, torch.ones_like(mean)


def native(case: Case, x: Tensor, parameters: list[Tensor], *, training: bool = True) -> tuple[Tensor, BatchNorm]:
    weight, gamma, beta = parameters
    norm = BatchNorm(gamma, beta, *statistics(case, x.dtype), 0.1, 1e-5)
    return native_block(x, weight, norm, pooled=case.pooled, training=training), norm


def plain(case: Case, x: Tensor, parameters: list[Tensor], *, training: bool = True) -> tuple[Tensor, BatchNorm]:
    mean, var = statistics(case, x.dtype)
    rows: list[Tensor] = []
    for row, (image, weight, gamma, beta) in enumerate(zip(x, *parameters, strict=True)):
        convolved = F.conv2d(image, weight, padding=case.kernel_size // 2)
        normal = F.batch_norm(convolved, mean[row], var[row], gamma, beta, training, 0.1, 1e-5)
        rows.append(F.relu(F.max_pool2d(normal, 2) if case.pooled else normal))
    return torch.stack(rows), BatchNorm(parameters[1], parameters[2], mean, var, 0.1, 1e-5)


def assert_near(mine: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(case=cases)
def test_values_gradients_and_running_statistics_are_those_of_torch(case: Case) -> None:
    images, parameters = draw(case)
    direction: Tensor | None = None
    found: list[list[Tensor]] = []
    for block in (native, plain):
        x = images.clone().requires_grad_(not case.shared) if not case.shared else images
        leaves = [parameter.clone().requires_grad_() for parameter in parameters]
        y, norm = block(case, x, leaves)
        if direction is None:
            direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=y.dtype)
        (y * direction).sum().backward()
        gradients = [leaf.grad for leaf in (leaves if case.shared else [x, *leaves])]
        assert all(gradient is not None for gradient in gradients)
        found.append([y.detach(), norm.running_mean, norm.running_var, *(g for g in gradients if g is not None)])
    for mine, other in zip(*found, strict=True):
        assert_near(mine, other)


@settings(deadline=None, max_examples=30)
@given(case=cases)
def test_evaluation_is_that_of_torch(case: Case) -> None:
    images, parameters = draw(case)
    with torch.no_grad():
        mine, _ = native(case, images, parameters, training=False)
        other, _ = plain(case, images, parameters, training=False)
    assert_near(mine, other)


def gradients(case: Case, images: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    leaves = [parameter.clone().requires_grad_() for parameter in parameters]
    x = images.clone().requires_grad_()
    y, norm = native(case, x, leaves)
    y.square().sum().backward()
    assert x.grad is not None
    return [y.detach(), norm.running_var, x.grad, *(leaf.grad for leaf in leaves if leaf.grad is not None)]


@pytest.mark.parametrize("batch", [16, 33, 300])
def test_a_row_does_not_depend_on_other_rows_or_threads(batch: int) -> None:
    case = Case(rows=3, batch=batch, outputs=6)
    images, parameters = draw(case, torch.float32)
    results = [gradients(case, images, parameters)]
    torch.set_num_threads(2)
    results.append(gradients(case, images, parameters))
    for first, second in pairwise(results):
        assert all(torch.equal(mine, other) for mine, other in zip(first, second, strict=True))
    alone = gradients(Case(rows=1, batch=batch, outputs=6), images[1:2], [p[1:2] for p in parameters])
    for mine, other in zip(results[0], alone, strict=True):
        assert torch.equal(mine[1:2], other)


def test_nan_reaches_the_output_of_its_row_alone() -> None:
    case = Case(rows=2)
    images, parameters = draw(case)
    parameters[0][1, 2, 0, 0, 0] = torch.nan
    y, _ = native(case, images, parameters)
    assert y[0].isfinite().all()
    assert y[1, :, 2].isnan().all()


def test_of_equal_maxima_the_first_takes_the_gradient() -> None:
    case = Case(rows=1, batch=4, inputs=1, outputs=1, height=4, width=4, kernel_size=1)
    x = torch.zeros(1, 4, 1, 4, 4, dtype=torch.float64)
    x[:, :, :, 0:2, 0:2] = 1.0
    one = [torch.ones(1, 1, 1, 1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)]
    parameters = [*one, torch.zeros(1, 1, dtype=torch.float64)]
    found: list[Tensor] = []
    for block in (native, plain):
        leaf = x.clone().requires_grad_()
        y, _ = block(case, leaf, parameters)
        (y * torch.arange(4.0, dtype=torch.float64).view(1, 1, 1, 2, 2)).sum().backward()
        assert leaf.grad is not None
        found.append(leaf.grad)
    assert_near(*found)
