"""A stacked linear layer: R linear maps of the same shape in one call."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.rows import uniform_rows


def stacked_linear(x: Tensor, weight_roi: Tensor, bias_ro: Tensor | None, *, algorithm: StackedAlgorithm) -> Tensor:
    """Map every row with its own weights: [R, B, I] to [R, B, O], or [R, B, L, I] to [R, B, L, O]."""
    if algorithm == "loop":
        biases = [None] * weight_roi.shape[0] if bias_ro is None else bias_ro.unbind(0)
        rows = zip(x.unbind(0), weight_roi.unbind(0), biases, strict=True)
        return torch.stack([F.linear(row, weight, bias) for row, weight, bias in rows])
    flat = x.flatten(1, -2)
    if bias_ro is None:
        mapped = torch.bmm(flat, weight_roi.transpose(1, 2))
    else:
        mapped = torch.baddbmm(bias_ro.unsqueeze(1), flat, weight_roi.transpose(1, 2))
    return mapped.view(*x.shape[:-1], weight_roi.shape[1])


class StackedLinear(nn.Module):
    """R linear layers with weight [R, O, I] and bias [R, O] or None.

    Each row is initialised as nn.Linear is by default, from its own generator.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.weight = uniform_rows((out_features, in_features), in_features**-0.5, generators)
        self.bias = uniform_rows((out_features,), in_features**-0.5, generators) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return stacked_linear(x, self.weight, self.bias, algorithm=self.algorithm)
