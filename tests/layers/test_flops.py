from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from esper.layers.flops import counted_flops


def attention(x: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(x, x, x, is_causal=True)


CASES = {
    "convolution": (nn.Conv2d(3, 8, 3, padding=1), (2, 3, 9, 9)),
    "grouped convolution": (nn.Conv2d(4, 8, 3, groups=2), (2, 4, 9, 9)),
    "linear": (nn.Linear(6, 5), (7, 6)),
    "sums of products": (lambda x: torch.einsum("bij,bkj->bik", x, x), (2, 3, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_count_is_pytorchs(name: str) -> None:
    run, shape = CASES[name]
    assert counted(run, shape) == theirs(run, shape) > 0


def test_attention_is_counted_by_its_definition() -> None:
    heads, tokens, width = 2, 5, 4
    assert counted(attention, (1, heads, tokens, width)) == 2 * 2 * heads * tokens * tokens * width


def test_nothing_is_counted_after_the_block() -> None:
    with counted_flops() as flops:
        pass
    torch.ones(2, 2) @ torch.ones(2, 2)
    assert flops.total == 0


def counted(run: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> int:
    with torch.no_grad(), counted_flops() as flops:
        run(torch.ones(shape))
    return flops.total


def theirs(run: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run(torch.ones(shape))
    return counter.get_total_flops()
