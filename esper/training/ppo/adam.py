"""Adam (Kingma and Ba 2015) for the policy's weights, with a state of named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

_BETAS: Final = (0.9, 0.999)
_PARTS: Final = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True)
class _Moments:
    """What Adam remembers of one parameter: a step count (a float32 scalar on the CPU) and two running averages."""

    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor


class Adam:
    """The steps of torch.optim.Adam, bit for bit.

    PyTorch's own function takes them. Its class is not used, because creating one imports PyTorch's compiler, which
    costs every run two seconds and 1,500 modules at its start.
    """

    def __init__(self, module: nn.Module, *, learning_rate: float, epsilon: float) -> None:
        self._module = module
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._moments = {
            name: _Moments(torch.zeros(()), torch.zeros_like(parameter), torch.zeros_like(parameter))
            for name, parameter in module.named_parameters()
        }

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        self._module.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter that has a gradient."""
        moved = [
            (parameter, parameter.grad, self._moments[name])
            for name, parameter in self._module.named_parameters()
            if parameter.grad is not None
        ]
        adam(
            [parameter for parameter, _, _ in moved],
            [gradient for _, gradient, _ in moved],
            [moments.exp_avg for _, _, moments in moved],
            [moments.exp_avg_sq for _, _, moments in moved],
            [],
            [moments.step for _, _, moments in moved],
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=self._epsilon,
            maximize=False,
        )

    def tensors(self) -> dict[str, Tensor]:
        """A copy of the state, named <parameter>/step and so on. One that was never stepped has zeros everywhere."""
        return {
            f"{name}/{part}": getattr(moments, part).clone()
            for name, moments in self._moments.items()
            for part in _PARTS
        }

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from a copy of what tensors() returned."""
        for name, moments in self._moments.items():
            for part in _PARTS:
                getattr(moments, part).copy_(tensors[f"{name}/{part}"])
