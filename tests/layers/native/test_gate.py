"""The gate in front of the kernels: right values or a clear error, whatever comes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from fuzzing import SCALE
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from esper.layers.native.block import BatchNorm, native_block
from esper.layers.native.gate import KernelInputError
from esper.layers.native.seed import native_conv2d, native_group_norm

shapes = st.lists(st.integers(0, 5), min_size=3, max_size=6)
dtypes = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.uint8, torch.int64])
lies = st.sampled_from(["contiguous", "transposed", "expanded", "sliced"])


def tensor(shape: list[int], dtype: torch.dtype, lie: str) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))
    match lie:
        case "transposed":
            values = values.transpose(0, -1).contiguous().transpose(0, -1)
        case "expanded":
            values = values[:1].expand(shape) if shape[0] else values
        case "sliced":
            values = torch.stack([values, values], dim=-1)[..., 0]
        case _:
            pass
    return values.to(dtype) if dtype != torch.float32 else values


def plain_conv2d(x: Tensor, weight: Tensor, groups: int) -> Tensor:
    padding = weight.shape[-1] // 2
    return torch.stack([F.conv2d(a, b, padding=padding, groups=groups) for a, b in zip(x, weight, strict=True)])


def fits(x: Tensor, weight: Tensor, groups: int) -> bool:
    """Whether torch can compute it, too, and nothing is empty or even."""
    if x.dtype not in (torch.float32, torch.float64) or 0 in x.shape or x.dim() != 5:
        return False
    if weight.dim() != 5 or 0 in weight.shape or weight.shape[-1] != weight.shape[-2] or weight.shape[-1] % 2 == 0:
        return False
    try:
        plain_conv2d(x, weight, groups)
    except (RuntimeError, ValueError):
        return False
    return True


@settings(deadline=None, max_examples=600 * SCALE)
@given(x=shapes, weight=shapes, dtype=dtypes, other=dtypes, lie=lies, groups=st.integers(0, 3), same=st.booleans())
def test_a_convolution_is_right_or_refused(
    x: list[int], weight: list[int], dtype: torch.dtype, other: torch.dtype, lie: str, groups: int, same: bool
) -> None:
    if same and len(x) == 5 and groups:  # most random shapes do not fit: let many do
        dtype = other = torch.float64
        x[2] = max(x[2], 1) * groups
        weight = [x[0], groups * max(weight[0], 1), x[2] // groups, 3, 3]
    inputs, weights = tensor(x, dtype, lie), tensor(weight, other, lie)
    try:
        found = native_conv2d(inputs, weights, groups)
    except KernelInputError:
        assert not fits(inputs, weights, groups)
        return
    torch.testing.assert_close(found, plain_conv2d(inputs, weights, groups), rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=400 * SCALE)
@given(x=shapes, weight=shapes, dtype=dtypes, lie=lies, pooled=st.booleans(), same=st.booleans())
def test_a_block_is_right_or_refused(
    x: list[int], weight: list[int], dtype: torch.dtype, lie: str, pooled: bool, same: bool
) -> None:
    if same and len(x) == 5:
        dtype = torch.float64
        weight = [x[0], max(weight[0], 1), x[2], 3, 3]
    rows, outputs = weight[0], weight[1]
    inputs, weights = tensor(x, dtype, lie), tensor(weight, dtype, lie)
    gamma, beta, mean = (tensor([rows, outputs], dtype, lie) for _ in range(3))
    norm = BatchNorm(gamma, beta, mean.clone(), torch.ones(rows, outputs, dtype=dtype), 0.1, 1e-5)
    try:
        found = native_block(inputs, weights, norm, pooled=pooled, training=True)
    except KernelInputError:
        return
    assert found.shape == (x[0], x[1], outputs, x[3] // (1 + pooled), x[4] // (1 + pooled))
    wanted = [
        F.batch_norm(F.conv2d(a, w, padding=w.shape[-1] // 2), None, None, g, b, training=True)
        for a, w, g, b in zip(inputs, weights, gamma, beta, strict=True)
    ]
    stacked = torch.stack([F.relu(F.max_pool2d(one, 2) if pooled else one) for one in wanted])
    torch.testing.assert_close(found, stacked, rtol=1e-3, atol=1e-3)


def test_a_transposed_weight_gives_right_values_and_gradients() -> None:
    """Tied weights: the second convolution reads the first one's weight the other way round."""
    x = torch.randn(2, 5, 4, 3, 3, dtype=torch.float64)
    found: list[Tensor] = []
    for convolve in (native_conv2d, plain_conv2d):
        generator = torch.Generator().manual_seed(0)
        weight = torch.randn(2, 4, 4, 3, 3, generator=generator, dtype=torch.float64).requires_grad_()
        y = convolve(convolve(x, weight, 1), weight.transpose(1, 2), 1)
        y.square().sum().backward()
        assert weight.grad is not None
        found += [y.detach(), weight.grad]
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[1], found[3])


def test_an_expanded_weight_takes_the_gradient_of_all_its_rows() -> None:
    x = torch.randn(3, 5, 2, 4, 4, dtype=torch.float64)
    found: list[Tensor] = []
    for convolve in (native_conv2d, plain_conv2d):
        generator = torch.Generator().manual_seed(0)
        weight = torch.randn(1, 2, 2, 3, 3, generator=generator, dtype=torch.float64).requires_grad_()
        convolve(x, weight.expand(3, -1, -1, -1, -1), 1).square().sum().backward()
        assert weight.grad is not None
        found.append(weight.grad)
    torch.testing.assert_close(*found)


def test_running_statistics_that_lie_otherwise_are_moved_in_place() -> None:
    x, weight = torch.randn(2, 6, 1, 4, 4), torch.randn(2, 3, 1, 3, 3)
    plain = [torch.zeros(2, 3), torch.ones(2, 3)]
    turned = [torch.zeros(3, 2).t(), torch.ones(3, 2).t()]
    for mean, variance in (plain, turned):
        norm = BatchNorm(torch.ones(2, 3), torch.zeros(2, 3), mean, variance, 0.1, 1e-5)
        native_block(x, weight, norm, pooled=True, training=True)
    assert plain[0].abs().max() > 0
    assert torch.equal(plain[0], turned[0])
    assert torch.equal(plain[1], turned[1])


def test_a_norm_of_a_single_value_is_refused() -> None:
    norm = BatchNorm(*(torch.ones(1, 2) for _ in range(4)), 0.1, 1e-5)
    with pytest.raises(KernelInputError, match="one value per channel"):
        native_block(torch.ones(1, 1, 1, 1, 1), torch.ones(1, 2, 1, 3, 3), norm, pooled=False, training=True)


@pytest.mark.parametrize("groups", [0, 3, 8])
def test_groups_that_do_not_divide_the_channels_are_refused(groups: int) -> None:
    with pytest.raises(KernelInputError, match="4 channels cannot be normalised"):
        native_group_norm(torch.ones(1, 2, 4, 2, 2), torch.ones(1, 4), torch.ones(1, 4), groups, 1e-5)
