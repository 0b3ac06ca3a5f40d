"""Memory layouts of stacked features.

Legend: R rows (envs), B minibatch, C channels, H height, W width.

Features are logically [R, B, C, H, W] whatever their strides. The grouped algorithm keeps them in memory order
B, H, W, R, C, so that fold() to [B, R*C, H, W] is a channels_last view; the loop algorithm keeps R, B, H, W, C, so that
each row is a channels_last image batch of its own; native keeps R, C, H, W, B. Every function accepts any strides and
copies only when it must.

Features of tokens are [R, B, L, D] (L tokens, D width) and lie in that order under either algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.calls import LOGICAL_ORDER, MEMORY_ORDER

IMAGE_DIMS: Final = 5
TOKEN_DIMS: Final = 4

_TO_MEMORY: Final[dict[StackedAlgorithm, tuple[int, ...]]] = {
    "grouped": (1, 3, 4, 0, 2),
    "loop": (0, 1, 3, 4, 2),
    "native": MEMORY_ORDER,
}
_FROM_MEMORY: Final[dict[StackedAlgorithm, tuple[int, ...]]] = {
    "grouped": (3, 0, 4, 1, 2),
    "loop": (0, 1, 4, 2, 3),
    "native": LOGICAL_ORDER,
}
_ROW_AXIS: Final[dict[StackedAlgorithm, int]] = {"grouped": 3, "loop": 0, "native": 0}


def fold(x_rbchw: Tensor) -> Tensor:
    """[R, B, C, H, W] as channels_last [B, R*C, H, W]; a view if the features are in grouped order."""
    return x_rbchw.permute(1, 3, 4, 0, 2).flatten(3).permute(0, 3, 1, 2)


def unfold(x: Tensor, rows: int) -> Tensor:
    """The inverse of fold: a view [R, B, C, H, W] of [B, R*C, H, W]."""
    batch, folded, height, width = x.shape
    return x.view(batch, rows, folded // rows, height, width).transpose(0, 1)


def split_rows(x_rbchw: Tensor) -> list[Tensor]:
    """One [B, C, H, W] per row, channels_last if the features are in loop order."""
    return [row.permute(0, 3, 1, 2) for row in x_rbchw.permute(0, 1, 3, 4, 2).unbind(0)]


def stack_rows(rows: Sequence[Tensor]) -> Tensor:
    """The inverse of split_rows: [R, B, C, H, W] in loop order."""
    return torch.stack([row.permute(0, 2, 3, 1) for row in rows]).permute(0, 1, 4, 2, 3)


def to_images(x_rbchw: Tensor, algorithm: StackedAlgorithm) -> Tensor:
    """Features as an ordinary 4-D image batch, for operators that treat every channel of every sample alike."""
    return fold(x_rbchw) if algorithm == "grouped" else x_rbchw.flatten(0, 1)


def from_images(x: Tensor, rows: int, algorithm: StackedAlgorithm) -> Tensor:
    """The inverse of to_images."""
    return unfold(x, rows) if algorithm == "grouped" else x.view(rows, -1, *x.shape[1:])


def gather_rows(features: Tensor, rows: Tensor, algorithm: StackedAlgorithm) -> Tensor:
    """The features of some rows, in the algorithm's memory order.

    features: [R, B, C, H, W] for images, [R, B, L, D] for tokens.
    rows: a long tensor of row numbers.
    """
    if features.dim() == TOKEN_DIMS:
        return features.index_select(0, rows)
    picked = features.permute(_TO_MEMORY[algorithm]).index_select(_ROW_AXIS[algorithm], rows)
    return picked.permute(_FROM_MEMORY[algorithm])


def scatter_rows(features: Tensor, rows: Tensor, values: Tensor, algorithm: StackedAlgorithm) -> Tensor:
    """The features with some rows replaced, in the algorithm's memory order. The input keeps its values."""
    if features.dim() == TOKEN_DIMS:
        return features.index_copy(0, rows, values)
    order = _TO_MEMORY[algorithm]
    replaced = features.permute(order).index_copy(_ROW_AXIS[algorithm], rows, values.permute(order))
    return replaced.permute(_FROM_MEMORY[algorithm])
