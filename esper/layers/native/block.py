"""The block of a convolutional host as one operation: convolution, batch normalisation, 2x2 maxima if pooled, ReLU.

Legend: R rows, B minibatch, I input channels, O output channels, H, W image, k kernel size, K chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from esper.layers.native import gate, scratch
from esper.layers.native.calls import LOGICAL_ORDER, padded_samples, run, samples_innermost, sizes, view


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Parameters and running statistics [R, O] of the normalisation; the latter are moved in place by training."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    momentum: float
    epsilon: float


def native_block(x_rbihw: Tensor, weight_roikk: Tensor, norm: BatchNorm, *, pooled: bool, training: bool) -> Tensor:
    """relu(maxpool(batch_norm(conv(x)))) of every row: [R, B, O, H', W'] in memory order R, O, H', W', B.

    Arithmetic as of the separate torch operators up to rounding: the convolution has padding k // 2 and no bias, the
    first of equal maxima takes the gradient, NaN goes through. A row's values depend on that row alone.

    Raises:
        KernelInputError: the tensors do not go together, or training has one value per channel to normalise.
    """
    gate.features(x_rbihw)
    gate.pooling(x_rbihw, pooled=pooled)
    x_rbihw = samples_innermost(x_rbihw)
    if training:
        pool = 2 if pooled else 1
        return cast(Tensor, _Block.apply(x_rbihw, weight_roikk, norm.weight, norm.bias, norm, pool))
    return _evaluate(x_rbihw, weight_roikk, norm, 2 if pooled else 1)


def _evaluate(x_rbihw: Tensor, weight_roikk: Tensor, norm: BatchNorm, pool: int) -> Tensor:
    weight_roikk = gate.convolution(x_rbihw, weight_roikk)
    weight_ro, bias_ro, mean_ro, variance_ro = _channels(x_rbihw, weight_roikk, norm)
    # torch.rsqrt rounds by an element's place in memory, and so by the number of rows. A root and a quotient do not.
    scale_ro = weight_ro / torch.sqrt(variance_ro + norm.epsilon)
    shift_ro = torch.addcmul(bias_ro, mean_ro, scale_ro, value=-1)
    size = sizes(x_rbihw, outputs=weight_roikk.shape[1], kernel_size=weight_roikk.shape[-1], pool=pool)
    y_rohwb = _output(x_rbihw, weight_roikk, pool)
    run("block_evaluate", x_rbihw.dtype, size, view(x_rbihw), weight_roikk, scale_ro, shift_ro, y_rohwb)
    return y_rohwb.permute(LOGICAL_ORDER)


def _channels(x_rbihw: Tensor, weight_roikk: Tensor, norm: BatchNorm) -> list[Tensor]:
    """Weight, bias, running mean and running variance of the normalisation, as the kernels take them."""
    shape = tuple(weight_roikk.shape[:2])
    named = (("weight", norm.weight), ("bias", norm.bias), ("mean", norm.running_mean), ("variance", norm.running_var))
    return [gate.fitting(tensor, shape, x_rbihw.dtype, f"the normalisation's {name}") for name, tensor in named]


def _output(x_rbihw: Tensor, weight_roikk: Tensor, pool: int) -> Tensor:
    rows, batch, _, height, width = x_rbihw.shape
    return x_rbihw.new_empty(rows, weight_roikk.shape[1], height // pool, width // pool, batch)


class _Context(Protocol):
    """What autograd hands from forward to backward."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    pool: int
    scratch: tuple[Tensor, Tensor] | None

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: _Context,
        x_rbihw: Tensor,
        weight_roikk: Tensor,
        gamma_ro: Tensor,
        beta_ro: Tensor,
        norm: BatchNorm,
        pool: int,
    ) -> Tensor:
        gate.batch_statistics(x_rbihw)
        weight_roikk = gate.convolution(x_rbihw, weight_roikk)
        gamma_ro, beta_ro, running_mean, running_var = _channels(x_rbihw, weight_roikk, norm)
        rows, outputs = gamma_ro.shape
        size = sizes(x_rbihw, outputs=outputs, kernel_size=weight_roikk.shape[-1], pool=pool)
        y_rohwb = _output(x_rbihw, weight_roikk, pool)
        places = rows * padded_samples(x_rbihw) * outputs
        z = scratch.take(places * x_rbihw.shape[3] * x_rbihw.shape[4], x_rbihw.dtype)
        which = scratch.take(places * y_rohwb.shape[2] * y_rohwb.shape[3], torch.uint8)
        mean_ro = torch.empty(rows, outputs, dtype=torch.float64)
        inverse_ro = torch.empty_like(mean_ro)
        run(
            "block_train",
            x_rbihw.dtype,
            size,
            view(x_rbihw),
            weight_roikk,
            gamma_ro,
            beta_ro,
            running_mean,
            running_var,
            norm.momentum,
            norm.epsilon,
            z,
            y_rohwb,
            which,
            mean_ro,
            inverse_ro,
        )
        for statistic, moved in ((norm.running_mean, running_mean), (norm.running_var, running_var)):
            if moved.data_ptr() != statistic.data_ptr():  # the kernel has moved a copy
                statistic.copy_(moved)
        ctx.save_for_backward(x_rbihw, weight_roikk, gamma_ro, mean_ro, inverse_ro)
        ctx.scratch = z, which
        ctx.pool = pool
        return y_rohwb.permute(LOGICAL_ORDER)

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor, None, None]:
        assert ctx.scratch is not None, "a block's gradient is computed once"
        x_rbihw, weight_roikk, gamma_ro, mean_ro, inverse_ro = ctx.saved_tensors
        z, which = ctx.scratch
        dy_rbohw = samples_innermost(gradients[0])
        rows, batch, inputs, height, width = x_rbihw.shape
        size = sizes(x_rbihw, outputs=gamma_ro.shape[1], kernel_size=weight_roikk.shape[-1], pool=ctx.pool)
        dx_rihwb = x_rbihw.new_empty(rows, inputs, height, width, batch) if ctx.needs_input_grad[0] else None
        dw_roikk, dgamma_ro, dbeta_ro = (
            torch.empty(one.shape, dtype=one.dtype) for one in (weight_roikk, gamma_ro, gamma_ro)
        )
        run(
            "block_backward",
            x_rbihw.dtype,
            size,
            view(x_rbihw),
            view(dy_rbohw),
            weight_roikk,
            gamma_ro,
            z,
            which,
            mean_ro,
            inverse_ro,
            dx_rihwb,
            dw_roikk,
            dgamma_ro,
            dbeta_ro,
        )
        ctx.scratch = None
        scratch.give(z)
        scratch.give(which)
        dx_rbihw = None if dx_rihwb is None else dx_rihwb.permute(LOGICAL_ORDER)
        return dx_rbihw, dw_roikk, dgamma_ro, dbeta_ro, None, None
