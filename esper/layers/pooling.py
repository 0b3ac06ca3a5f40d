"""Pooling of stacked features."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import from_images, to_images
from esper.layers.native.calls import LOGICAL_ORDER, MEMORY_ORDER, samples_innermost


def stacked_max_pool2d(x_rbchw: Tensor, *, algorithm: StackedAlgorithm) -> Tensor:
    """The 2x2 maxima with stride 2: [R, B, C, H, W] to [R, B, C, H // 2, W // 2]."""
    if algorithm == "native":
        # The samples lie side by side along a third, innermost axis, over which the window does not reach.
        pooled = F.max_pool3d(samples_innermost(x_rbchw).permute(MEMORY_ORDER), (2, 2, 1))
        return pooled.permute(LOGICAL_ORDER)
    return from_images(F.max_pool2d(to_images(x_rbchw, algorithm), 2), x_rbchw.shape[0], algorithm)


def stacked_global_mean(x_rbchw: Tensor, *, algorithm: StackedAlgorithm) -> Tensor:
    """The mean over each image, [R, B, C]."""
    if algorithm == "native":
        return samples_innermost(x_rbchw).permute(MEMORY_ORDER).mean((2, 3)).transpose(1, 2)
    rows, _, _, height, width = x_rbchw.shape
    # x.mean() will not do: its gradient is a broadcast view, and the order of later sums over such a view depends on R.
    means = F.avg_pool2d(to_images(x_rbchw, algorithm), (height, width))
    return from_images(means, rows, algorithm)[..., 0, 0]
