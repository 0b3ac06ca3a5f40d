"""The minibatch of a whole fleet."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Samples for E envs.

    If all envs see the same samples, both tensors are expanded views of one row (stride 0 over E). Stacked layers
    recognise that and read the samples once.

    inputs: float [E, B, ...] for images, long [E, B, L] for tokens.
    targets: long [E, B] for images, long [E, B, L] for tokens.
    """

    inputs: Tensor
    targets: Tensor
