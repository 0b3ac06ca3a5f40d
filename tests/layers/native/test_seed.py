"""Group normalisation against an oracle in double precision, far from zero and with idle lanes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from esper.layers.native.seed import native_group_norm

ROWS, CHANNELS = 2, 8


def normalised(x: Tensor, epsilon: float, dtype: torch.dtype, *, native: bool) -> list[Tensor]:
    """Values and all gradients, in double precision."""
    generator = torch.Generator().manual_seed(4)
    weight, bias, direction = (
        torch.randn(shape, generator=generator) for shape in (2 * [(ROWS, CHANNELS)] + [x.shape])
    )
    leaves = [one.to(dtype).clone().requires_grad_() for one in (x, weight, bias)]
    if native:
        y = native_group_norm(leaves[0], leaves[1], leaves[2], 2, epsilon)
    else:
        y = torch.stack([F.group_norm(a, 2, w, b, epsilon) for a, w, b in zip(*leaves, strict=True)])
    (y * direction.to(dtype)).sum().backward()
    return [y.detach().double(), *(leaf.grad.double() for leaf in leaves if leaf.grad is not None)]


@pytest.mark.parametrize("mean", [0.0, 1.0, 100.0, -1000.0])
def test_values_and_gradients_keep_their_digits_far_from_zero(mean: float) -> None:
    x = torch.randn(ROWS, 37, CHANNELS, 16, 16, generator=torch.Generator().manual_seed(3)) + mean
    native = normalised(x, 1e-5, torch.float32, native=True)
    for mine, oracle in zip(native, normalised(x, 1e-5, torch.float64, native=False), strict=True):
        assert float((mine - oracle).abs().max() / oracle.abs().max()) < 2e-6


@pytest.mark.parametrize("batch", [1, 5, 17])
def test_lanes_without_a_sample_add_nothing_to_a_gradient(batch: int) -> None:
    """Without epsilon a lane of zeros has a standard deviation of zero."""
    x = torch.randn(ROWS, batch, CHANNELS, 4, 4, generator=torch.Generator().manual_seed(3))
    native = normalised(x, 0.0, torch.float64, native=True)
    for mine, oracle in zip(native, normalised(x, 0.0, torch.float64, native=False), strict=True):
        torch.testing.assert_close(mine, oracle, rtol=1e-9, atol=1e-9)
