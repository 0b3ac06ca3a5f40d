"""What every blueprint has in common: x + gamma * f(x).

Legend: R rows, B minibatch, C channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import IMAGE_DIMS, TOKEN_DIMS
from esper.layers.native.program import Program
from esper.layers.rows import constant_rows
from esper.layers.scaling import stacked_scaled_sum


class ResidualSeed(nn.Module, ABC):
    """R seed modules of one kind: x + gamma * f(x) with one gamma per channel.

    gamma starts small but not at zero (LayerScale), so a newborn seed is close to the identity and yet every parameter
    receives a gradient. Nothing follows the sum.

    feature_dims: the number of axes of x, with the row. Blends give alpha as many.
    """

    feature_dims: ClassVar[int] = IMAGE_DIMS

    def __init__(self, *, rows: int, channels: int, layer_scale: float, algorithm: StackedAlgorithm) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.gamma = constant_rows(rows, (channels,), layer_scale)

    @abstractmethod
    def branch(self, x_rbchw: Tensor, /) -> Tensor:
        """f(x), of the same shape as x."""

    def program(self) -> Program | None:
        """f as layers that the native kernels can run as one operation, or None if forward must be called."""
        return None

    def own_program(self) -> Program | None:
        """program(), or None for a class that overrides what the seed computes but inherits its parent's program."""
        for kind in type(self).__mro__:
            if "program" in vars(kind):
                break
            if "branch" in vars(kind) or "forward" in vars(kind):
                return None
        return self.program()

    def forward(self, x_rbchw: Tensor) -> Tensor:
        return stacked_scaled_sum(x_rbchw, self.branch(x_rbchw), self.gamma, algorithm=self.algorithm)


class TokenSeed(ResidualSeed):
    """R seed modules that read tokens [R, B, L, D] instead of images. gamma is [R, D]."""

    feature_dims: ClassVar[int] = TOKEN_DIMS


def group_count(channels: int) -> int:
    """The number of groups of a seed's group normalisation: as many as leave at least 16 channels in each.

    Narrow layers, for which no such number exists, take the first of 32, 16, 8, 4, 2 and 1 that divides the channels.

    >>> [group_count(c) for c in (4, 8, 16, 32, 64, 128)]
    [4, 8, 1, 2, 4, 8]
    """
    divisors = [groups for groups in (32, 16, 8, 4, 2, 1) if channels % groups == 0]
    wide = [groups for groups in divisors if channels // groups >= 16]
    return (wide or divisors)[0]
