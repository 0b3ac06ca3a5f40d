"""Optimisers over stacked rows.

Legend: R rows, P parameters per row.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Final

import torch
from torch import Tensor, nn

from esper.fleet.config import FleetConfig
from esper.growth.seeds.blending import RowMask, select_rows
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.sgd import SteppedTensors

_CLIP_EPSILON: Final = 1e-6
_SECOND_MOMENT_DECAY: Final = 0.999
_ADAM_EPSILON: Final = 1e-8


class StackedOptimizer(ABC):
    """One optimiser for the R rows of a stacked module. Rows never influence each other.

    The arithmetic of each row is that of clip_grad_norm_ followed by the plain optimiser. A row that is not stepped is
    left alone entirely: its parameters do not decay, and its state stays. To forget a row's state is to set it to zero.
    """

    def __init__(
        self, module: nn.Module, *, learning_rate: float, momentum: float, weight_decay: float, max_grad_norm: float
    ) -> None:
        self._module = module
        self._take_parameters()
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._max_grad_norm = max_grad_norm
        self._state = self._initial_state(self._parameters_rp())

    @property
    def tensor_sizes(self) -> list[int]:
        """The number of elements per row of each parameter tensor, in the order in which they lie in a gradient row."""
        return self._sizes

    @property
    def parameter_count(self) -> int:
        """P."""
        return sum(self._sizes)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def gradients_rp(self) -> Tensor:
        """The gradients of one backward pass, one flat row per row of the module."""
        gradients: list[Tensor] = []
        for parameter in self._parameters:
            assert parameter.grad is not None, "a stepped module took part in the backward pass"
            gradients.append(parameter.grad.flatten(1))
        return torch.cat(gradients, dim=1)

    @torch.no_grad()
    def step(self, gradients_rp: Tensor, norms_r: Tensor, stepped: RowMask) -> None:
        """Clip each row to the maximum norm, then step the rows of the mask.

        norms_r: the L2 norm of each row of gradients_rp.
        """
        scale_r = (self._max_grad_norm / (norms_r + _CLIP_EPSILON)).clamp(max=1.0)
        before_rp = self._parameters_rp()
        after_rp, state = self._stepped(before_rp, gradients_rp * scale_r[:, None], self._state)
        self._state = [select_rows(stepped, new, old) for new, old in zip(state, self._state, strict=True)]
        self._write(select_rows(stepped, after_rp, before_rp))

    def reset_row(self, row: int) -> None:
        """Forget the state of one row."""
        for state in self._state:
            state[row].zero_()

    def append_row(self) -> None:
        """Append a row without state, for a row that was appended to the module."""
        self._state = [torch.cat([state, torch.zeros_like(state[:1])]) for state in self._state]
        self._take_parameters()

    def keep_rows(self, rows: Tensor) -> None:
        """Keep only these rows, in this order, as keep_rows did to the module."""
        self._state = [state.index_select(0, rows) for state in self._state]
        self._take_parameters()

    @abstractmethod
    def _initial_state(self, parameters_rp: Tensor) -> list[Tensor]:
        """The state of rows that were never stepped: tensors of zeros whose first axis is the row."""

    @abstractmethod
    def _stepped(self, before_rp: Tensor, gradients_rp: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The parameters and the state after one step of every row with clipped gradients.

        Nothing is changed in place.
        """

    def _take_parameters(self) -> None:
        """Look up the module's parameters, which are new ones whenever its rows have changed.

        They are kept, because looking them up at every step would cost more than the step of a small module.
        """
        self._parameters = list(self._module.parameters())
        self._sizes = [parameter[0].numel() for parameter in self._parameters]

    def _parameters_rp(self) -> Tensor:
        return torch.cat([parameter.detach().flatten(1) for parameter in self._parameters], dim=1)

    def _write(self, values_rp: Tensor) -> None:
        parts = torch.split(values_rp, self._sizes, dim=1)
        for parameter, part in zip(self._parameters, parts, strict=True):
            parameter.copy_(part.view_as(parameter))


class StackedSGD(StackedOptimizer):
    """torch.optim.SGD with momentum and weight decay (no dampening, no Nesterov)."""

    def _initial_state(self, parameters_rp: Tensor) -> list[Tensor]:
        # With a buffer of zero, the first step does what SGD does in its first step: the buffer becomes the gradient.
        return [torch.zeros_like(parameters_rp)]

    def _stepped(self, before_rp: Tensor, gradients_rp: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        (old_momentum_rp,) = state
        change_rp = gradients_rp.add(before_rp, alpha=self._weight_decay)
        momentum_rp = torch.add(change_rp, old_momentum_rp, alpha=self._momentum)
        return before_rp.add(momentum_rp, alpha=-self._learning_rate), [momentum_rp]


class NativeSGD(StackedSGD):
    """StackedSGD as one call of a native kernel, in place."""

    def _take_parameters(self) -> None:
        super()._take_parameters()
        self._tensors = SteppedTensors(self._parameters)

    @torch.no_grad()
    def step(self, gradients_rp: Tensor, norms_r: Tensor, stepped: RowMask) -> None:
        if stepped is False:
            return
        mask = torch.ones(len(norms_r), dtype=torch.bool) if stepped is True else stepped
        self._tensors.step(
            gradients_rp,
            norms_r,
            mask,
            self._state[0],
            learning_rate=self._learning_rate,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            max_norm=self._max_grad_norm,
        )


class StackedAdamW(StackedOptimizer):
    """torch.optim.AdamW with betas (momentum, 0.999). Every parameter decays, as it does there by default."""

    def _initial_state(self, parameters_rp: Tensor) -> list[Tensor]:
        # Rows are born at different times, so beside both moments each row keeps the number of its own steps.
        return [
            torch.zeros_like(parameters_rp),
            torch.zeros_like(parameters_rp),
            torch.zeros_like(parameters_rp[:, :1]),
        ]

    def _stepped(self, before_rp: Tensor, gradients_rp: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        first_rp, second_rp, steps_r1 = state
        steps_r1 = steps_r1 + 1
        first_rp = first_rp.lerp(gradients_rp, 1 - self._momentum)
        second_rp = torch.addcmul(
            second_rp * _SECOND_MOMENT_DECAY, gradients_rp, gradients_rp, value=1 - _SECOND_MOMENT_DECAY
        )
        root_rp = second_rp.sqrt() / _bias_correction(_SECOND_MOMENT_DECAY, steps_r1).sqrt()
        step_rp = first_rp / _bias_correction(self._momentum, steps_r1) / (root_rp + _ADAM_EPSILON)
        decayed_rp = before_rp * (1 - self._learning_rate * self._weight_decay)
        return decayed_rp.add(step_rp, alpha=-self._learning_rate), [first_rp, second_rp, steps_r1]


def _bias_correction(decay: float, steps_r1: Tensor) -> Tensor:
    """1 - decay ** steps, by expm1, because the plain difference loses four digits in single precision."""
    # With a decay of 0 the correction is 1 from the first step on.
    return -torch.expm1(steps_r1 * (math.log(decay) if decay > 0 else -math.inf))


def make_optimizer(
    config: FleetConfig, module: nn.Module, *, learning_rate: float, weight_decay: float, algorithm: StackedAlgorithm
) -> StackedOptimizer:
    """The optimiser that the config names, for a host or a seed bank whose layers use this algorithm."""
    sgd = NativeSGD if algorithm == "native" else StackedSGD
    kind = {"sgd": sgd, "adamw": StackedAdamW}[config.optimizer]
    return kind(
        module,
        learning_rate=learning_rate,
        momentum=config.momentum,
        weight_decay=weight_decay,
        max_grad_norm=config.max_grad_norm,
    )
