"""SGD over the rows of a stacked module as one call.

Legend: R rows, P parameters per row.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from torch import Tensor

from esper.layers.native.calls import run


class _Parameter(ctypes.Structure):
    _fields_ = [("value", ctypes.c_void_p), ("size", ctypes.c_int64)]


class SteppedTensors:
    """The parameters of a stacked module as the kernel takes them, valid for as long as they stay where they are.

    parameters: contiguous tensors [R, ...], in the order in which they lie in a row of gradients.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        # The tensors are kept because the kernel writes where they lie.
        self._parameters = list(parameters)
        self._tensors = (_Parameter * len(self._parameters))(
            *(_Parameter(parameter.data_ptr(), parameter[0].numel()) for parameter in self._parameters)
        )

    def step(
        self,
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

        gradients_rp: contiguous.
        norms_r: the L2 norms of the gradients.
        """
        rows, width = gradients_rp.shape
        run(
            "sgd",
            gradients_rp.dtype,
            rows,
            self._tensors,
            len(self._parameters),
            gradients_rp,
            norms_r,
            stepped_r,
            momentum_rp,
            width,
            learning_rate,
            weight_decay,
            momentum,
            max_norm,
        )
