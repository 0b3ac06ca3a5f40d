"""Stacked batch, group and layer normalisation. Statistics never mix rows."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import fold, split_rows, stack_rows, unfold
from esper.layers.native.block import BatchNorm
from esper.layers.native.program import LayerKind, ProgramLayer
from esper.layers.native.seed import native_group_norm
from esper.layers.rows import constant_rows

EPSILON: Final = 1e-5
RUNNING_MOMENTUM: Final = 0.1


class StackedBatchNorm2d(nn.Module):
    """R batch normalisations: weight, bias, running_mean and running_var are [R, C].

    In training mode each row is normalised by its own minibatch, and its running statistics move by 0.1.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, rows: int, algorithm: StackedAlgorithm) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.weight = constant_rows(rows, (channels,), 1.0)
        self.bias = constant_rows(rows, (channels,), 0.0)
        self.register_buffer("running_mean", torch.zeros(rows, channels))
        self.register_buffer("running_var", torch.ones(rows, channels))

    def forward(self, x_rbchw: Tensor) -> Tensor:
        if self.algorithm != "loop":
            return unfold(self._normalise(fold(x_rbchw), self._flat()), x_rbchw.shape[0])
        rows = zip(split_rows(x_rbchw), *(tensor.unbind(0) for tensor in self._tensors()), strict=True)
        return stack_rows([self._normalise(image, tensors) for image, *tensors in rows])

    def for_kernels(self) -> BatchNorm:
        """The parameters and statistics in the form that native/block.py takes."""
        return BatchNorm(self.weight, self.bias, self.running_mean, self.running_var, RUNNING_MOMENTUM, EPSILON)

    def _tensors(self) -> list[Tensor]:
        return [self.running_mean, self.running_var, self.weight, self.bias]

    def _flat(self) -> list[Tensor]:
        return [tensor.view(-1) for tensor in self._tensors()]

    def _normalise(self, image: Tensor, tensors: list[Tensor]) -> Tensor:
        mean, variance, weight, bias = tensors
        return F.batch_norm(image, mean, variance, weight, bias, self.training, RUNNING_MOMENTUM, EPSILON)


class StackedGroupNorm(nn.Module):
    """R group normalisations over images: weight and bias are [R, C]; groups are counted per row."""

    def __init__(self, groups: int, channels: int, *, rows: int, algorithm: StackedAlgorithm) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.groups = groups
        self.weight = constant_rows(rows, (channels,), 1.0)
        self.bias = constant_rows(rows, (channels,), 0.0)

    def program_layer(self) -> ProgramLayer:
        """This layer as part of a seed's program."""
        channels = self.weight.shape[1]
        return ProgramLayer(
            kind=LayerKind.GROUP_NORM,
            inputs=channels,
            outputs=channels,
            groups=self.groups,
            weight=self.weight,
            bias=self.bias,
        )

    def forward(self, x_rbchw: Tensor) -> Tensor:
        if self.algorithm == "native":
            return native_group_norm(x_rbchw, self.weight, self.bias, self.groups, EPSILON)
        x_rbchw = differentiable(x_rbchw)
        if self.algorithm == "grouped":
            count = x_rbchw.shape[0]
            weight, bias = self.weight.view(-1), self.bias.view(-1)
            return unfold(F.group_norm(fold(x_rbchw), count * self.groups, weight, bias, EPSILON), count)
        rows = zip(split_rows(x_rbchw), self.weight.unbind(0), self.bias.unbind(0), strict=True)
        return stack_rows([F.group_norm(image, self.groups, w, b, EPSILON) for image, w, b in rows])


class StackedLayerNorm(nn.Module):
    """R layer normalisations over the width of tokens [R, B, L, D]: weight and bias are [R, D]."""

    def __init__(self, width: int, *, rows: int, algorithm: StackedAlgorithm) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.weight = constant_rows(rows, (width,), 1.0)
        self.bias = constant_rows(rows, (width,), 0.0)

    def forward(self, x_rbld: Tensor) -> Tensor:
        width = x_rbld.shape[-1:]
        if self.algorithm != "loop":
            normal = F.layer_norm(x_rbld, width, eps=EPSILON)
            return torch.addcmul(self.bias[:, None, None], normal, self.weight[:, None, None])
        rows = zip(x_rbld.unbind(0), self.weight.unbind(0), self.bias.unbind(0), strict=True)
        return torch.stack([F.layer_norm(tokens, width, w, b, EPSILON) for tokens, w, b in rows])


def differentiable(x: Tensor) -> Tensor:
    """The same values as a tensor that takes a gradient, if gradients are recorded at all.

    The backward pass of group normalisation on a CPU ends in a segmentation fault (torch 2.13) when a channels_last
    input needs no gradient but weight and bias do.
    """
    if x.requires_grad or not torch.is_grad_enabled():
        return x
    return x.detach().requires_grad_()
