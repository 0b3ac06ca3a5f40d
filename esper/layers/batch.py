"""The minibatch of a whole fleet."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Samples for E envs.

    Images: inputs [E, B, ...] float, targets [E, B] long. Tokens: inputs and targets [E, B, L] long. When all envs see
    the same samples, both are expanded views of one row (stride 0 over E): stacked layers recognise that and read the
    samples once.
    """

    inputs: Tensor
    targets: Tensor
