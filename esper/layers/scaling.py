"""A stacked residual sum with one learned factor per channel."""

from __future__ import annotations

import torch
from torch import Tensor

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import TOKEN_DIMS, split_rows, stack_rows


def stacked_scaled_sum(x: Tensor, branch: Tensor, gamma_rc: Tensor, *, algorithm: StackedAlgorithm) -> Tensor:
    """x + gamma * branch, with gamma [R, C] per row and channel, for images [R, B, C, H, W] or tokens [R, B, L, C]."""
    if x.dim() == TOKEN_DIMS:
        return _scaled_token_sum(x, branch, gamma_rc, algorithm)
    if algorithm != "loop":
        return torch.addcmul(x, gamma_rc[:, None, :, None, None], branch)
    rows = zip(split_rows(x), gamma_rc[..., None, None].unbind(0), split_rows(branch), strict=True)
    return stack_rows([torch.addcmul(image, gamma, other) for image, gamma, other in rows])


def _scaled_token_sum(x: Tensor, branch: Tensor, gamma_rc: Tensor, algorithm: StackedAlgorithm) -> Tensor:
    if algorithm != "loop":
        return torch.addcmul(x, gamma_rc[:, None, None], branch)
    rows = zip(x.unbind(0), gamma_rc.unbind(0), branch.unbind(0), strict=True)
    return torch.stack([torch.addcmul(tokens, gamma, other) for tokens, gamma, other in rows])
