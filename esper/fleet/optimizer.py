"""Stochastic gradient descent with momentum over stacked rows.

Legend: R rows, P parameters per row.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from esper.growth.blending import RowMask, select_rows
from esper.layers.rows import parameters_per_row

_CLIP_EPSILON = 1e-6


class StackedSGD:
    """One optimiser for the R rows of a stacked module; rows never influence each other.

    Per row the arithmetic is that of clip_grad_norm_ followed by torch.optim.SGD with momentum and weight decay (no
    dampening, no Nesterov). A row that is not stepped is not touched at all: no decay, no momentum.
    """

    def __init__(
        self, module: nn.Module, *, learning_rate: float, momentum: float, weight_decay: float, max_grad_norm: float
    ) -> None:
        self._module = module
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._max_grad_norm = max_grad_norm
        # A momentum of zero before the first step gives what SGD does then: the buffer becomes the gradient.
        self._momentum_rp = torch.zeros_like(self._parameters_rp())

    @property
    def tensor_sizes(self) -> list[int]:
        """Elements per row of each parameter tensor, in the order in which they lie in a gradient row."""
        return [parameter[0].numel() for parameter in self._module.parameters()]

    @property
    def parameter_count(self) -> int:
        """P."""
        return parameters_per_row(self._module)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self._module.zero_grad(set_to_none=True)

    def gradients_rp(self) -> Tensor:
        """The gradients of one backward pass, one flat row per row of the module."""
        gradients: list[Tensor] = []
        for parameter in self._module.parameters():
            assert parameter.grad is not None, "a stepped module took part in the backward pass"
            gradients.append(parameter.grad.flatten(1))
        return torch.cat(gradients, dim=1)

    @torch.no_grad()
    def step(self, gradients_rp: Tensor, norms_r: Tensor, stepped: RowMask) -> None:
        """Clip each row to the maximum norm, then step the rows of the mask.

        norms_r: L2 norm of each row of gradients_rp.
        """
        scale_r = (self._max_grad_norm / (norms_r + _CLIP_EPSILON)).clamp(max=1.0)
        before_rp = self._parameters_rp()
        change_rp = (gradients_rp * scale_r[:, None]).add(before_rp, alpha=self._weight_decay)
        momentum_rp = torch.add(change_rp, self._momentum_rp, alpha=self._momentum)
        after_rp = before_rp.add(momentum_rp, alpha=-self._learning_rate)
        self._momentum_rp = select_rows(stepped, momentum_rp, self._momentum_rp)
        self._write(select_rows(stepped, after_rp, before_rp))

    def reset_row(self, row: int) -> None:
        """Forget the momentum of one row."""
        self._momentum_rp[row].zero_()

    def append_row(self) -> None:
        """A row without momentum for one that was appended to the module."""
        self._momentum_rp = torch.cat([self._momentum_rp, torch.zeros_like(self._momentum_rp[:1])])

    def keep_rows(self, rows: Tensor) -> None:
        """Keep only these rows, in this order, as keep_rows did to the module."""
        self._momentum_rp = self._momentum_rp.index_select(0, rows)

    def _parameters_rp(self) -> Tensor:
        return torch.cat([parameter.detach().flatten(1) for parameter in self._module.parameters()], dim=1)

    def _write(self, values_rp: Tensor) -> None:
        parts = torch.split(values_rp, self.tensor_sizes, dim=1)
        for parameter, part in zip(self._module.parameters(), parts, strict=True):
            parameter.copy_(part.view_as(parameter))
