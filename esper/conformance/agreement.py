"""Whether all ways of computing agree: the values and gradients of one module under each algorithm, and the loop's.

The loop calls PyTorch's own layers row by row, so it is the one that cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.build import cpu_algorithms

AGREEMENT_LIMIT: Final = 1e-4
"""The largest difference between two algorithms, as a part of the largest value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """The largest difference from the loop that was found.

    size: as a part of the largest value in the loop's result. It is infinite if a value is not finite.
    what: for example "the gradient of conv.weight under native". It is empty if there is nothing to compare.
    """

    size: float
    what: str

    @property
    def passed(self) -> bool:
        return self.size <= AGREEMENT_LIMIT

    def __str__(self) -> str:
        return f"{self.what} is off by {self.size:.2g}" if self.what else "there is only the loop"


def largest_disagreement(compute: Callable[[StackedAlgorithm], Mapping[str, Tensor]]) -> Disagreement:
    """Compare every algorithm of this machine with the loop.

    compute: the results under an algorithm by name, always from the same weights and inputs.
    """
    wanted = compute("loop")
    found = [
        Disagreement(size=_difference(tensor, wanted[name]), what=f"{name} under {algorithm}")
        for algorithm in cpu_algorithms()
        if algorithm != "loop"
        for name, tensor in compute(algorithm).items()
    ]
    return max(found, key=lambda one: one.size, default=Disagreement(size=0.0, what=""))


def with_gradients(module: nn.Module, output: Tensor, objective: Tensor, inputs: Tensor | None) -> dict[str, Tensor]:
    """The output and the gradients of a scalar objective, by name: those of the parameters, and of the inputs if given.

    A parameter without a gradient has one of zeros.
    """
    torch.autograd.backward(objective)
    results = {"the output": output.detach()}
    if inputs is not None:
        results["the gradient of the input"] = _gradient(inputs)
    return results | {f"the gradient of {name}": _gradient(weight) for name, weight in module.named_parameters()}


def _gradient(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def _difference(found: Tensor, wanted: Tensor) -> float:
    if found.shape != wanted.shape:
        return float("inf")
    difference = (found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6)
    return float(difference) if bool(difference.isfinite()) else float("inf")
