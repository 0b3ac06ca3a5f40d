"""Calls of the C kernels with torch tensors. No autograd here: see block.py and seed.py.

Legend: R rows, B minibatch, K chunks of samples, I input channels, O output channels, H, W image, k kernel size.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

import torch
from torch import Tensor

from esper.errors import EsperError
from esper.layers.native.build import library

MEMORY_ORDER: Final = (0, 2, 3, 4, 1)
"""Features [R, B, C, H, W] lie in the order R, C, H, W, B: places of all samples side by side."""

LOGICAL_ORDER: Final = (0, 4, 1, 2, 3)
"""The inverse of MEMORY_ORDER."""

_SUFFIXES: Final = {torch.float32: "f32", torch.float64: "f64"}


_DONE: Final = 0


class KernelMemoryError(EsperError, MemoryError):
    """A native kernel cannot have the memory that it needs while it works."""


class View(ctypes.Structure):
    """Features [R, B, C, H, W] with any strides."""

    _fields_ = [("data", ctypes.c_void_p), *((name, ctypes.c_int64) for name in ("r", "b", "c", "h", "w"))]


class Sizes(ctypes.Structure):
    """What a kernel works on; pool is 2 for 2x2 maxima, else 1."""

    _fields_ = [(name, ctypes.c_int64) for name in ("r", "b", "i", "o", "h", "w", "k", "pool", "threads")]


def sizes(x_rbihw: Tensor, *, outputs: int, kernel_size: int, pool: int = 1) -> Sizes:
    """Sizes of a call on these inputs, with as many threads as torch uses."""
    rows, batch, inputs, height, width = x_rbihw.shape
    return Sizes(rows, batch, inputs, outputs, height, width, kernel_size, pool, torch.get_num_threads())


@cache
def lanes(dtype: torch.dtype) -> int:
    """The samples in a chunk: as many values of this type as a register of the processor takes."""
    function = library(dtype)[f"lanes_{_SUFFIXES[dtype]}"]
    function.restype = ctypes.c_int64
    return cast(int, function())


def padded_samples(x_rbihw: Tensor) -> int:
    """K x lanes: the samples of a minibatch in whole chunks."""
    size = lanes(x_rbihw.dtype)
    return -(-x_rbihw.shape[1] // size) * size


def samples_innermost(x_rbchw: Tensor) -> Tensor:
    """The same features in memory order; a copy only if they lie otherwise. Rows that share their samples still do."""
    if x_rbchw.stride(1) == 1:
        return x_rbchw
    distinct = x_rbchw[:1] if x_rbchw.stride(0) == 0 else x_rbchw
    return distinct.permute(MEMORY_ORDER).contiguous().permute(LOGICAL_ORDER).expand_as(x_rbchw)


def view(x_rbchw: Tensor) -> View:
    """Features as a kernel reads them. The tensor must outlive the call."""
    return View(x_rbchw.data_ptr(), *x_rbchw.stride())


def empty_like(x_rbchw: Tensor) -> Tensor:
    """Memory [R, C, H, W, B] for features of this size: contiguous, not initialised."""
    rows, batch, channels, height, width = x_rbchw.shape
    return x_rbchw.new_empty(rows, channels, height, width, batch)


Argument = ctypes.Structure | ctypes.Array[Any] | Tensor | float | int | None
"""What a kernel is called with: tensors contiguous, None for a null pointer.

An array may be of any structure: ctypes arrays are invariant in what they hold, so no narrower type takes them all.
"""


def run(kernel: str, dtype: torch.dtype, *arguments: Argument) -> None:
    """Call a kernel for values of this type.

    Raises:
        KernelsUnavailableError: it cannot be compiled here.
        KernelMemoryError: the kernel needs more memory to work in than there is.
    """
    if _function(kernel, dtype)(*map(_argument, arguments)) != _DONE:
        raise KernelMemoryError(
            "there is not enough memory for a native kernel to work in: use a smaller fleet.batch_size, "
            "fleet.evaluation_batch_size or run.threads"
        )


@cache
def _function(kernel: str, dtype: torch.dtype) -> Callable[..., int]:
    function = library(dtype)[f"{kernel}_{_SUFFIXES[dtype]}"]
    function.restype = ctypes.c_int
    return cast("Callable[..., int]", function)


def _argument(value: Argument) -> object:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, float):
        return ctypes.c_double(value)
    if isinstance(value, int):
        return ctypes.c_int64(value)
    return ctypes.c_void_p(None) if value is None else value
