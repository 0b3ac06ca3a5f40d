"""Each row of a stacked layer for tokens does what the plain layer does: values and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.fleet.plain.transformer import PlainFeedForward, PlainSelfAttention
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.attention import StackedSelfAttention, scaled_dot_product
from esper.layers.embedding import StackedEmbedding
from esper.layers.feed_forward import StackedFeedForward
from esper.layers.flex_attention import flex_causal, flex_or_sdpa, uses_flex
from esper.layers.layout import gather_rows, scatter_rows
from esper.layers.linear import StackedLinear
from esper.layers.normalization import StackedLayerNorm
from esper.layers.scaling import stacked_scaled_sum

ALGORITHMS: tuple[StackedAlgorithm, ...] = ("grouped", "loop")
ROWS, WIDTH = 3, 8


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(row) for row in range(ROWS)]


def tokens(*shape: int) -> Tensor:
    return torch.randn(*(shape or (ROWS, 5, 6, WIDTH)), generator=torch.Generator().manual_seed(5))


def stacked_layers(algorithm: StackedAlgorithm) -> dict[str, tuple[nn.Module, list[nn.Module]]]:
    """Each layer with one plain twin per row."""
    made: dict[str, tuple[nn.Module, list[nn.Module]]] = {
        "linear": (
            StackedLinear(WIDTH, 4, generators=generators(), algorithm=algorithm),
            [nn.Linear(WIDTH, 4) for _ in range(ROWS)],
        ),
        "linear without bias": (
            StackedLinear(WIDTH, 4, generators=generators(), algorithm=algorithm, bias=False),
            [nn.Linear(WIDTH, 4, bias=False) for _ in range(ROWS)],
        ),
        "layer norm": (
            StackedLayerNorm(WIDTH, rows=ROWS, algorithm=algorithm),
            [nn.LayerNorm(WIDTH) for _ in range(ROWS)],
        ),
        "attention": (
            StackedSelfAttention(WIDTH, 2, generators=generators(), algorithm=algorithm),
            [PlainSelfAttention(WIDTH, 2) for _ in range(ROWS)],
        ),
        "feed-forward": (
            StackedFeedForward(WIDTH, 3, generators=generators(), algorithm=algorithm),
            [PlainFeedForward(WIDTH, 3) for _ in range(ROWS)],
        ),
    }
    for module, twins in made.values():
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.1 * tokens(*parameter.shape))
            for row, twin in enumerate(twins):
                for mine, parameter in zip(module.parameters(), twin.parameters(), strict=True):
                    parameter.copy_(mine[row])
    return made


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["linear", "linear without bias", "layer norm", "attention", "feed-forward"])
def test_a_row_equals_the_plain_layer(name: str, algorithm: StackedAlgorithm) -> None:
    module, twins = stacked_layers(algorithm)[name]
    x = tokens().requires_grad_()
    output = module(x)
    weights = tokens(*output.shape)
    (output * weights).sum().backward()
    assert x.grad is not None
    for row, twin in enumerate(twins):
        single = tokens()[row].requires_grad_()
        expected = twin(single)
        (expected * weights[row]).sum().backward()
        torch.testing.assert_close(output[row], expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(x.grad[row], single.grad, rtol=1e-4, atol=1e-5)
        for mine, parameter in zip(module.parameters(), twin.parameters(), strict=True):
            assert mine.grad is not None
            torch.testing.assert_close(mine.grad[row], parameter.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shared", [False, True])
def test_embedding_looks_up_each_rows_own_table(algorithm: StackedAlgorithm, shared: bool) -> None:
    layer = StackedEmbedding(11, 9, WIDTH, generators=generators(), algorithm=algorithm)
    ids = torch.randint(11, (1 if shared else ROWS, 5, 6), generator=torch.Generator().manual_seed(1))
    ids = ids.expand(ROWS, -1, -1)
    output = layer(ids)
    (output * tokens()).sum().backward()
    for row in range(ROWS):
        table = layer.tokens[row].detach().clone().requires_grad_()
        expected = F.embedding(ids[row], table) + layer.positions[row, :6]
        assert torch.equal(output[row], expected)
        (expected * tokens()[row]).sum().backward()
        assert layer.tokens.grad is not None
        torch.testing.assert_close(layer.tokens.grad[row], table.grad)
    assert 0.015 < float(layer.tokens.detach().std()) < 0.025


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_scaled_sum_of_tokens(algorithm: StackedAlgorithm) -> None:
    x, gamma = tokens(), tokens(ROWS, WIDTH)
    found = stacked_scaled_sum(x, x.square(), gamma, algorithm=algorithm)
    torch.testing.assert_close(found, x + gamma[:, None, None] * x.square())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_of_tokens_are_gathered_and_scattered(algorithm: StackedAlgorithm) -> None:
    x, rows = tokens(), torch.tensor([0, 2])
    picked = gather_rows(x, rows, algorithm)
    assert torch.equal(picked, x[[0, 2]])
    replaced = scatter_rows(x, rows, -picked, algorithm)
    assert torch.equal(replaced, torch.stack([-x[0], x[1], -x[2]]))
    assert torch.equal(x, tokens())


def test_flex_attention_is_chosen_only_where_it_can_train() -> None:
    assert uses_flex("cuda", torch.float32, 16)
    assert uses_flex("cuda", torch.bfloat16, 64)
    assert not uses_flex("cuda", torch.float64, 64)
    assert not uses_flex("cuda", torch.float32, 8)
    assert not uses_flex("cpu", torch.float32, 64)


def test_without_flex_attention_the_result_is_that_of_sdpa() -> None:
    query, key, value = tokens(3, 2, 2, 6, 16).unbind(0)
    assert torch.equal(flex_or_sdpa(query, key, value), scaled_dot_product(query, key, value))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("length", [6, 130])
def test_flex_attention_computes_what_sdpa_does(length: int) -> None:
    query, key, value = tokens(3, 2, 2, length, 16).unbind(0)
    with torch.no_grad():
        found = flex_causal(query, key, value)
    torch.testing.assert_close(found, scaled_dot_product(query, key, value), rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_flex_attention_trains_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    results: list[list[Tensor]] = []
    for kernel in (flex_or_sdpa, scaled_dot_product):
        inputs = [one.cuda().requires_grad_() for one in tokens(3, 2, 2, 130, 32).unbind(0)]
        output = kernel(*inputs)
        (output * tokens(2, 2, 130, 32).cuda()).sum().backward()
        results.append([output.detach(), *(one.grad for one in inputs if one.grad is not None)])
    for mine, expected in zip(*results, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-2, atol=1e-2)
