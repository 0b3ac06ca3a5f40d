"""Stacked residual sum with one learned factor per channel."""

from __future__ import annotations

import torch
from torch import Tensor

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import split_rows, stack_rows


def stacked_scaled_sum(
    x_rbchw: Tensor, branch_rbchw: Tensor, gamma_rc: Tensor, *, algorithm: StackedAlgorithm
) -> Tensor:
    """x + gamma * branch, gamma [R, C] applied per row and channel."""
    if algorithm == "grouped":
        return torch.addcmul(x_rbchw, gamma_rc[:, None, :, None, None], branch_rbchw)
    rows = zip(split_rows(x_rbchw), gamma_rc[..., None, None].unbind(0), split_rows(branch_rbchw), strict=True)
    return stack_rows([torch.addcmul(x, gamma, branch) for x, gamma, branch in rows])
