"""Stacked convolution and group normalisation with native kernels, for seeds.

Legend: R rows, B minibatch, I input channels, O output channels, C channels, H, W image, k kernel size.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor

from esper.layers.native import gate
from esper.layers.native.calls import LOGICAL_ORDER, empty_like, run, samples_innermost, sizes, view


def native_conv2d(x_rbihw: Tensor, weight_roikk: Tensor, groups: int) -> Tensor:
    """Convolution of every row with padding k // 2 and no bias; weight_roikk is [R, O, I / groups, k, k].

    Raises:
        KernelInputError: the tensors do not go together.
    """
    gate.features(x_rbihw)
    return cast(Tensor, _Convolution.apply(samples_innermost(x_rbihw), weight_roikk, groups))


def native_group_norm(x_rbchw: Tensor, weight_rc: Tensor, bias_rc: Tensor, groups: int, epsilon: float) -> Tensor:
    """Group normalisation of every sample of every row; groups are counted per row.

    Raises:
        KernelInputError: the tensors do not go together.
    """
    gate.channel_groups(x_rbchw, groups)
    return cast(Tensor, _GroupNorm.apply(samples_innermost(x_rbchw), weight_rc, bias_rc, groups, epsilon))


class _Context(Protocol):
    """What autograd hands from forward to backward."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    groups: int
    epsilon: float

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, x_rbihw: Tensor, weight_roikk: Tensor, groups: int) -> Tensor:
        weight_roikk = gate.convolution(x_rbihw, weight_roikk, groups)
        rows, batch, _, height, width = x_rbihw.shape
        outputs, kernel_size = weight_roikk.shape[1], weight_roikk.shape[-1]
        size = sizes(x_rbihw, outputs=outputs, kernel_size=kernel_size)
        y_rohwb = x_rbihw.new_empty(rows, outputs, height, width, batch)
        run("convolution", x_rbihw.dtype, size, groups, view(x_rbihw), weight_roikk, y_rohwb)
        ctx.save_for_backward(x_rbihw, weight_roikk)
        ctx.groups = groups
        return y_rohwb.permute(LOGICAL_ORDER)

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        x_rbihw, weight_roikk = ctx.saved_tensors
        dy_rbohw = samples_innermost(gradients[0])
        size = sizes(x_rbihw, outputs=weight_roikk.shape[1], kernel_size=weight_roikk.shape[-1])
        dx_rihwb = empty_like(x_rbihw) if ctx.needs_input_grad[0] else None
        dw_roikk = torch.empty_like(weight_roikk)
        run(
            "convolution_backward",
            x_rbihw.dtype,
            size,
            ctx.groups,
            view(x_rbihw),
            view(dy_rbohw),
            weight_roikk,
            dx_rihwb,
            dw_roikk,
        )
        return None if dx_rihwb is None else dx_rihwb.permute(LOGICAL_ORDER), dw_roikk, None


class _GroupNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: _Context, x_rbchw: Tensor, weight_rc: Tensor, bias_rc: Tensor, groups: int, epsilon: float
    ) -> Tensor:
        shape = (x_rbchw.shape[0], x_rbchw.shape[2])
        weight_rc = gate.fitting(weight_rc, shape, x_rbchw.dtype, "the normalisation's weight")
        bias_rc = gate.fitting(bias_rc, shape, x_rbchw.dtype, "the normalisation's bias")
        y_rchwb = empty_like(x_rbchw)
        size = sizes(x_rbchw, outputs=x_rbchw.shape[2], kernel_size=1)
        run("group_norm", x_rbchw.dtype, size, groups, view(x_rbchw), weight_rc, bias_rc, epsilon, y_rchwb)
        ctx.save_for_backward(x_rbchw, weight_rc)
        ctx.groups, ctx.epsilon = groups, epsilon
        return y_rchwb.permute(LOGICAL_ORDER)

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x_rbchw, weight_rc = ctx.saved_tensors
        dy_rbchw = samples_innermost(gradients[0])
        size = sizes(x_rbchw, outputs=x_rbchw.shape[2], kernel_size=1)
        dx_rchwb = empty_like(x_rbchw)
        dweight_rc, dbias_rc = torch.empty_like(weight_rc), torch.empty_like(weight_rc)
        run(
            "group_norm_backward",
            x_rbchw.dtype,
            size,
            ctx.groups,
            view(x_rbchw),
            view(dy_rbchw),
            weight_rc,
            ctx.epsilon,
            dx_rchwb,
            dweight_rc,
            dbias_rc,
        )
        return dx_rchwb.permute(LOGICAL_ORDER), dweight_rc, dbias_rc, None, None
