"""SGD over the rows of a stacked module as one call.

Legend: R rows, P parameters per row.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from torch import Tensor

from esper.layers.native.calls import run


class _Parameter(ctypes.Structure):
    _fields_ = [
        ("value", ctypes.c_void_p),
        ("gradient", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("gradient_row", ctypes.c_int64),
    ]


def native_sgd(
    parameters: Sequence[Tensor],
    gradients_rp: Tensor,
    norms_r: Tensor,
    stepped_r: Tensor,
    momentum_rp: Tensor,
    *,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    max_norm: float,
) -> None:
    """Clip each row to max_norm, then SGD with momentum, in place, for the rows of stepped_r (bool).

    parameters: [R, ...] each, in the order in which they lie in a gradient row.
    norms_r: L2 norms of the gradients.
    """
    rows, width = gradients_rp.shape
    tensors = (_Parameter * len(parameters))()
    begin = gradients_rp.data_ptr()
    for index, parameter in enumerate(parameters):
        size = parameter.numel() // rows
        tensors[index] = _Parameter(parameter.data_ptr(), begin, size, width)
        begin += size * gradients_rp.element_size()
    run(
        "sgd",
        gradients_rp.dtype,
        rows,
        tensors,
        len(parameters),
        norms_r,
        stepped_r,
        momentum_rp,
        width,
        learning_rate,
        weight_decay,
        momentum,
        max_norm,
    )
