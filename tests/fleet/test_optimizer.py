"""The stacked optimisers are clip_grad_norm_ and torch.optim.SGD or AdamW for every row."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from esper.fleet.optimizer import StackedAdamW, StackedOptimizer, StackedSGD
from esper.layers.linear import StackedLinear
from esper.layers.rows import append_rows, keep_rows

ROWS = 3


def stacked() -> StackedLinear:
    generators = [torch.Generator().manual_seed(row) for row in range(ROWS)]
    return StackedLinear(4, 2, generators=generators, algorithm="grouped")


def optimizer(module: nn.Module, max_grad_norm: float) -> StackedSGD:
    return StackedSGD(module, learning_rate=0.1, momentum=0.9, weight_decay=0.01, max_grad_norm=max_grad_norm)


def step(module: nn.Module, sgd: StackedOptimizer, seed: int, mask: torch.Tensor | bool = True) -> list[torch.Tensor]:
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


def adamw(module: nn.Module, momentum: float = 0.9) -> StackedAdamW:
    return StackedAdamW(module, learning_rate=0.1, momentum=momentum, weight_decay=0.05, max_grad_norm=1.0)


def plain_adamw(parameters: list[nn.Parameter], momentum: float = 0.9) -> torch.optim.AdamW:
    return torch.optim.AdamW(parameters, lr=0.1, betas=(momentum, 0.999), weight_decay=0.05)


def copies(module: nn.Module, row: int) -> list[nn.Parameter]:
    return [nn.Parameter(tensor[row].detach().clone()) for tensor in module.parameters()]


def plain_step(twin: list[nn.Parameter], plain: torch.optim.Optimizer, gradients: list[torch.Tensor], row: int) -> None:
    for parameter, gradient in zip(twin, gradients, strict=True):
        parameter.grad = gradient[row].clone()
    nn.utils.clip_grad_norm_(twin, 1.0)
    plain.step()


def assert_row_is(module: nn.Module, row: int, twin: list[nn.Parameter]) -> None:
    for tensor, parameter in zip(module.parameters(), twin, strict=True):
        torch.testing.assert_close(tensor[row], parameter, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_rows_step_like_plain_adamw_with_clipping(momentum: float) -> None:
    module = stacked()
    optimiser = adamw(module, momentum)
    twins = [copies(module, row) for row in range(ROWS)]
    plain = [plain_adamw(twin, momentum) for twin in twins]
    for index in range(6):
        gradients = step(module, optimiser, index)
        for row, twin in enumerate(twins):
            plain_step(twin, plain[row], gradients, row)
            assert_row_is(module, row, twin)


def test_adamw_counts_the_steps_of_each_row_for_itself() -> None:
    """Row 1 rests for a step, row 2 is forgotten after one and begins again as a new optimiser does."""
    module = stacked()
    optimiser = adamw(module)
    rested = copies(module, 1)
    rested_plain = plain_adamw(rested)
    gradients = step(module, optimiser, 0)
    plain_step(rested, rested_plain, gradients, 1)
    before = module.weight.detach().clone()
    step(module, optimiser, 1, torch.tensor([True, False, True]))
    assert torch.equal(module.weight[1], before[1])
    optimiser.reset_row(2)
    fresh = copies(module, 2)
    fresh_plain = plain_adamw(fresh)
    gradients = step(module, optimiser, 2)
    plain_step(rested, rested_plain, gradients, 1)
    plain_step(fresh, fresh_plain, gradients, 2)
    assert_row_is(module, 1, rested)
    assert_row_is(module, 2, fresh)


def test_adamw_rows_are_appended_and_kept_with_their_state() -> None:
    module, other = stacked(), stacked()
    optimiser = adamw(module)
    twin = copies(module, 2)
    plain = plain_adamw(twin)
    plain_step(twin, plain, step(module, optimiser, 0), 2)
    keep_rows(other, torch.tensor([0]))
    append_rows(module, other)
    optimiser.append_row()
    rows = torch.tensor([3, 2])
    keep_rows(module, rows)
    optimiser.keep_rows(rows)
    fresh = copies(module, 0)
    fresh_plain = plain_adamw(fresh)
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 0.3)
    gradients = optimiser.gradients_rp()
    optimiser.step(gradients, gradients.norm(dim=1), True)
    same = [torch.full_like(tensor, 0.3) for tensor in module.parameters()]
    plain_step(twin, plain, same, 1)
    plain_step(fresh, fresh_plain, same, 0)
    assert_row_is(module, 1, twin)
    assert_row_is(module, 0, fresh)
