"""Sums over everything that learns together, which may be spread over several processes."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

TensorSum = Callable[[Tensor], Tensor]
"""From what one process has added up to the sum over all processes that train the same run, on each of them."""


def alone(own: Tensor) -> Tensor:
    """The sum where one process trains everything."""
    return own
