"""Layout helpers keep values and, in their own memory order, copy nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import fold, gather_rows, scatter_rows, split_rows, stack_rows, unfold
from esper.layers.normalization import StackedBatchNorm2d
from esper.layers.rows import read_row, write_row


def features() -> Tensor:
    return torch.arange(3 * 2 * 4 * 5 * 6, dtype=torch.float32).view(3, 2, 4, 5, 6)


def test_fold_puts_the_channels_of_all_rows_side_by_side() -> None:
    x = features()
    folded = fold(x)
    assert folded.shape == (2, 12, 5, 6)
    assert folded.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(folded[:, 4:8], x[1])
    assert torch.equal(unfold(folded, 3), x)


def test_fold_and_unfold_are_views_in_grouped_order() -> None:
    folded = fold(features())
    again = fold(unfold(folded, 3))
    assert again.data_ptr() == folded.data_ptr()


def test_split_and_stack_are_inverse_and_keep_channels_last() -> None:
    x = features()
    stacked = stack_rows(split_rows(x))
    assert torch.equal(stacked, x)
    assert all(row.is_contiguous(memory_format=torch.channels_last) for row in split_rows(stacked))


@pytest.mark.parametrize("algorithm", ["grouped", "loop", "native"])
def test_scatter_puts_back_what_gather_took(algorithm: StackedAlgorithm) -> None:
    x, rows = features(), torch.tensor([2, 0])
    taken = gather_rows(x, rows, algorithm)
    assert torch.equal(taken, x[[2, 0]])
    changed = scatter_rows(x, rows, -taken, algorithm)
    assert torch.equal(changed[[2, 0]], -x[[2, 0]])
    assert torch.equal(changed[1], x[1])
    assert torch.equal(x, features())


def test_a_row_is_read_and_written_with_its_buffers() -> None:
    layer = StackedBatchNorm2d(2, rows=3, algorithm="loop")
    layer(torch.randn(3, 4, 2, 3, 3))
    kept = read_row(layer, 1)
    before = layer.running_mean.clone()
    layer(torch.randn(3, 4, 2, 3, 3))
    after = layer.running_mean.clone()
    write_row(layer, 1, kept)
    assert torch.equal(layer.running_mean[1], before[1])
    assert torch.equal(layer.running_mean[[0, 2]], after[[0, 2]])
