"""A stacked two-dimensional convolution: R convolutions of the same shape in one call.

Legend: R rows, B minibatch, I input channels, O output channels, C channels, k kernel size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import fold, split_rows, stack_rows, unfold
from esper.layers.native.program import LayerKind, ProgramLayer
from esper.layers.native.seed import native_conv2d
from esper.layers.rows import uniform_rows


def stacked_conv2d(
    x_rbchw: Tensor,
    weight_roikk: Tensor,
    bias_ro: Tensor | None,
    *,
    padding: int,
    groups: int,
    algorithm: StackedAlgorithm,
) -> Tensor:
    """Convolve every row with its own weights: [R, B, I, H, W] to [R, B, O, H', W'].

    weight_roikk: [R, O, I / groups, k, k].
    groups: the number of groups in each row, as in a plain convolution.
    """
    if algorithm == "loop":
        return _conv2d_loop(x_rbchw, weight_roikk, bias_ro, padding, groups)
    if algorithm == "native":
        assert padding == weight_roikk.shape[-1] // 2, "native convolutions keep the image size"
        y_rbohw = native_conv2d(x_rbchw, weight_roikk, groups)
        return y_rbohw if bias_ro is None else y_rbohw + bias_ro[:, None, :, None, None]
    return _conv2d_grouped(x_rbchw, weight_roikk, bias_ro, padding, groups)


def _conv2d_loop(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, groups: int) -> Tensor:
    biases = [None] * weight.shape[0] if bias is None else bias.unbind(0)
    rows = zip(split_rows(x), weight.unbind(0), biases, strict=True)
    return stack_rows([F.conv2d(image, w, b, padding=padding, groups=groups) for image, w, b in rows])


def _conv2d_grouped(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, groups: int) -> Tensor:
    rows = weight.shape[0]
    folded_weight, folded_bias = weight.flatten(0, 1), None if bias is None else bias.flatten()
    if groups == 1 and x.stride(0) == 0:
        shared = x[0].contiguous(memory_format=torch.channels_last)
        return unfold(F.conv2d(shared, folded_weight, folded_bias, padding=padding), rows)
    folded = F.conv2d(fold(x), folded_weight, folded_bias, padding=padding, groups=rows * groups)
    return unfold(folded, rows)


class StackedConv2d(nn.Module):
    """R convolutions with stride 1 and padding k // 2, so that odd kernels keep the image size.

    The weight is [R, O, I / groups, k, k], the bias [R, O] or None. Each row is initialised as nn.Conv2d is by default,
    from its own generator.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.groups = groups
        self.padding = kernel_size // 2
        fan_in = in_channels // groups * kernel_size**2
        shape = (out_channels, in_channels // groups, kernel_size, kernel_size)
        self.weight = uniform_rows(shape, fan_in**-0.5, generators)
        self.bias = uniform_rows((out_channels,), fan_in**-0.5, generators) if bias else None

    def program_layer(self) -> ProgramLayer:
        """This layer as part of a seed's program. It must have no bias."""
        assert self.bias is None, "programs have no biased convolutions"
        _, outputs, inputs, kernel_size, _ = self.weight.shape
        return ProgramLayer(
            kind=LayerKind.CONVOLUTION,
            inputs=inputs * self.groups,
            outputs=outputs,
            kernel_size=kernel_size,
            groups=self.groups,
            weight=self.weight,
        )

    def forward(self, x_rbchw: Tensor) -> Tensor:
        return stacked_conv2d(
            x_rbchw, self.weight, self.bias, padding=self.padding, groups=self.groups, algorithm=self.algorithm
        )
