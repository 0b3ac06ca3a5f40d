"""The stacked optimiser is clip_grad_norm_ and torch.optim.SGD for every row."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from esper.fleet.optimizer import StackedSGD
from esper.layers.linear import StackedLinear

ROWS = 3


def stacked() -> StackedLinear:
    generators = [torch.Generator().manual_seed(row) for row in range(ROWS)]
    return StackedLinear(4, 2, generators=generators, algorithm="grouped")


def optimizer(module: nn.Module, max_grad_norm: float) -> StackedSGD:
    return StackedSGD(module, learning_rate=0.1, momentum=0.9, weight_decay=0.01, max_grad_norm=max_grad_norm)


def step(module: nn.Module, sgd: StackedSGD, seed: int, mask: torch.Tensor | bool = True) -> list[torch.Tensor]:
    """Set random gradients of very different size per row, step, and return them."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([0.01, 1.0, 100.0])
    for parameter in module.parameters():
        size = scale.view(-1, *[1] * (parameter.dim() - 1))
        parameter.grad = torch.randn(parameter.shape, generator=generator) * size
    gradients = [parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None]
    rows = sgd.gradients_rp()
    sgd.step(rows, rows.norm(dim=1), mask)
    return gradients


@pytest.mark.parametrize("max_grad_norm", [1.0, 1e6])
def test_rows_step_like_plain_sgd_with_clipping(max_grad_norm: float) -> None:
    module = stacked()
    sgd = optimizer(module, max_grad_norm)
    twins = [[nn.Parameter(tensor[row].detach().clone()) for tensor in module.parameters()] for row in range(ROWS)]
    plain = [torch.optim.SGD(twin, lr=0.1, momentum=0.9, weight_decay=0.01) for twin in twins]
    for index in range(4):
        gradients = step(module, sgd, index)
        for row, twin in enumerate(twins):
            for parameter, gradient in zip(twin, gradients, strict=True):
                parameter.grad = gradient[row].clone()
            nn.utils.clip_grad_norm_(twin, max_grad_norm)
            plain[row].step()
            for parameter, tensor in zip(twin, module.parameters(), strict=True):
                torch.testing.assert_close(tensor[row], parameter, rtol=1e-6, atol=1e-7)


def test_rows_outside_the_mask_are_untouched_even_by_decay_and_old_momentum() -> None:
    module = stacked()
    sgd = optimizer(module, 1.0)
    step(module, sgd, 0)
    before = module.weight.detach().clone()
    step(module, sgd, 1, torch.tensor([True, False, True]))
    assert torch.equal(module.weight[1], before[1])
    assert not torch.equal(module.weight[0], before[0])


def test_a_row_that_is_not_stepped_may_hold_no_number() -> None:
    module = stacked()
    sgd = optimizer(module, 1.0)
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)
    rows = sgd.gradients_rp()
    sgd.step(rows, rows.norm(dim=1), torch.tensor([False, False, False]))
    assert module.weight.isfinite().all()
