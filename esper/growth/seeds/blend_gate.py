"""The gate network of the GATE blend: how much of a seed each sample takes.

Legend: R rows, B minibatch, C channels, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.linear import StackedLinear
from esper.layers.native.program import GateWeights
from esper.layers.pooling import stacked_global_mean

_IMAGE_DIMS = 5
_REDUCTION = 4
_LEAST_WIDTH = 8


class BlendGate(nn.Module):
    """R gates: sigmoid(W2 silu(W1 mean(x) + b1) + b2) of width max(8, C // 4), in 0..1.

    An image [R, B, C, H, W] is averaged, so that each sample has one number, [R, B, 1, 1, 1]. Tokens [R, B, L, C]
    have one number each, [R, B, L, 1], because a mean over the text would show every token what comes after it.
    SiLU takes the place of the usual ReLU, so that no hidden unit can be off for every sample at birth.
    """

    def __init__(self, channels: int, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        width = max(_LEAST_WIDTH, channels // _REDUCTION)
        self.hidden = StackedLinear(channels, width, generators=generators, algorithm=algorithm)
        self.output = StackedLinear(width, 1, generators=generators, algorithm=algorithm)

    def weights(self) -> GateWeights:
        """The gate in the form that the native kernels take."""
        assert self.hidden.bias is not None
        assert self.output.bias is not None
        return GateWeights(
            hidden=self.hidden.weight,
            hidden_bias=self.hidden.bias,
            output=self.output.weight,
            output_bias=self.output.bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == _IMAGE_DIMS:
            return self._numbers(stacked_global_mean(x, algorithm=self.algorithm))[..., None, None]
        return self._numbers(x.flatten(1, 2)).view(*x.shape[:-1], 1)

    def _numbers(self, x_rbc: Tensor) -> Tensor:
        """[R, B, 1]."""
        return torch.sigmoid(self.output(F.silu(self.hidden(x_rbc))))


def gate_parameters(channels: int) -> int:
    """The number of parameters of one gate."""
    width = max(_LEAST_WIDTH, channels // _REDUCTION)
    return (channels + 1) * width + width + 1
