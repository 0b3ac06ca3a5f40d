"""The one gate in front of every native kernel: what passes here can be read and written as the kernel will do it.

The kernels are C. They trust the sizes that they are given, so a wrong shape would read foreign memory, and a tensor
that lies otherwise than they expect would give wrong numbers. Tensors that only lie otherwise are copied; everything
else that does not fit is an error that names the tensor.

Legend: R rows, B minibatch, I input channels, O output channels, C channels, H, W image, k kernel size.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from esper.errors import EsperError

_DTYPES: Final = (torch.float32, torch.float64)
_MOST_ELEMENTS: Final = 2**40
"""Far above what fits in memory; below it no product of sizes in the kernels can overflow."""


class KernelInputError(EsperError, ValueError):
    """A tensor does not fit a native kernel. The message names the tensor, what it is, and what is wanted."""


def features(x_rbchw: Tensor, name: str = "the features") -> None:
    """Refuse what a kernel cannot read as images [R, B, C, H, W]. Any strides are right.

    Raises:
        KernelInputError: the features are not a CPU tensor of float32 or float64 with five axes, none of them empty.
    """
    _refuse_foreign(x_rbchw, name)
    if x_rbchw.dtype not in _DTYPES:
        raise KernelInputError(f"{name} are {x_rbchw.dtype}: native kernels take float32 or float64")
    if x_rbchw.dim() != 5 or 0 in x_rbchw.shape or x_rbchw.numel() > _MOST_ELEMENTS:
        raise KernelInputError(
            f"{name} have the shape {tuple(x_rbchw.shape)}: native kernels take [rows, samples, channels, height, "
            "width]"
        )


def fitting(tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype, name: str) -> Tensor:
    """The tensor with its values one after the other: itself if it lies so, else a copy.

    Raises:
        KernelInputError: it is not a CPU tensor of this shape and type.
    """
    _refuse_foreign(tensor, name)
    if tensor.dtype != dtype:
        raise KernelInputError(f"{name} is {tensor.dtype}: it must be {dtype}, like all tensors of one call")
    if tuple(tensor.shape) != shape:
        raise KernelInputError(f"{name} has the shape {tuple(tensor.shape)}: it must be {shape}")
    return tensor.detach().contiguous()


def convolution(x_rbihw: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """The weights [R, O, I / groups, k, k] of a convolution of x, as the kernels take them.

    Raises:
        KernelInputError: x or the weights do not fit, or k is even.
    """
    features(x_rbihw)
    rows, _, inputs, _, _ = x_rbihw.shape
    if weight.dim() != 5 or weight.shape[-1] != weight.shape[-2] or weight.shape[-1] % 2 == 0 or 0 in weight.shape:
        raise KernelInputError(
            f"the weight has the shape {tuple(weight.shape)}: native convolutions take [rows, outputs, inputs / "
            "groups, k, k] with an odd k"
        )
    if groups < 1 or inputs % groups or weight.shape[1] % groups:
        raise KernelInputError(
            f"a convolution of {inputs} channels to {weight.shape[1]} is in {groups} groups: the number of groups must "
            "divide both"
        )
    size = weight.shape[-1]
    return fitting(weight, (rows, weight.shape[1], inputs // groups, size, size), x_rbihw.dtype, "the weight")


def pooling(x_rbihw: Tensor, *, pooled: bool) -> None:
    """Refuse images that are smaller than the 2x2 window of a pooled block.

    Raises:
        KernelInputError: height or width is below 2.
    """
    if pooled and min(x_rbihw.shape[-2:]) < 2:
        raise KernelInputError(f"images of {x_rbihw.shape[-2]}x{x_rbihw.shape[-1]} are too small for a 2x2 pool")


def batch_statistics(x_rbihw: Tensor) -> None:
    """Refuse to normalise a single value per channel, whose variance is unknown.

    Raises:
        KernelInputError: B x H x W is 1.
    """
    _, samples, _, height, width = x_rbihw.shape
    if samples * height * width == 1:
        raise KernelInputError(
            "batch normalisation has one value per channel to train on: use more samples or larger images"
        )


def channel_groups(x_rbchw: Tensor, groups: int) -> None:
    """Refuse a number of groups that does not divide the channels.

    Raises:
        KernelInputError: the features or the number of groups do not fit.
    """
    features(x_rbchw)
    if groups < 1 or x_rbchw.shape[2] % groups:
        raise KernelInputError(f"{x_rbchw.shape[2]} channels cannot be normalised in {groups} groups")


def _refuse_foreign(tensor: Tensor, name: str) -> None:
    if tensor.device.type != "cpu" or tensor.layout != torch.strided:
        raise KernelInputError(
            f"{name}: native kernels take dense tensors on the CPU, not {tensor.layout} on {tensor.device}"
        )
