"""Blueprint ATTENTION: squeeze-and-excitation over channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from esper.growth.blueprints.residual import ResidualSeed
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.linear import StackedLinear
from esper.layers.native.program import LayerKind, Program, ProgramLayer
from esper.layers.pooling import stacked_global_mean

_REDUCTION = 4


class AttentionSeed(ResidualSeed):
    """f(x) = x * sigmoid(W2 silu(W1 mean(x)) + b), with 2C * max(1, C // 4) + 2C parameters.

    SiLU takes the place of the usual ReLU: with one or two hidden units, a ReLU can be off for every sample at birth,
    and then W1 and W2 would never learn.
    """

    def __init__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        hidden = max(1, channels // _REDUCTION)
        self.squeeze = StackedLinear(channels, hidden, generators=generators, algorithm=algorithm, bias=False)
        self.excite = StackedLinear(hidden, channels, generators=generators, algorithm=algorithm)

    def program(self) -> Program:
        hidden, channels = self.squeeze.weight.shape[1:]
        assert self.excite.bias is not None
        return (
            ProgramLayer(
                kind=LayerKind.ATTENTION,
                inputs=channels,
                outputs=channels,
                hidden=hidden,
                weight=self.squeeze.weight,
                excite=self.excite.weight,
                bias=self.excite.bias,
            ),
        )

    def branch(self, x_rbchw: Tensor) -> Tensor:
        gate_rbc = torch.sigmoid(
            self.excite(F.silu(self.squeeze(stacked_global_mean(x_rbchw, algorithm=self.algorithm))))
        )
        return x_rbchw * gate_rbc[..., None, None]
