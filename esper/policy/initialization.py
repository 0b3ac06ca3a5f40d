"""The initial weights of the controller's linear layers."""

from __future__ import annotations

import math

import torch
from torch import nn

HIDDEN_GAIN = math.sqrt(2.0)
LOGIT_GAIN = 0.01
VALUE_GAIN = 0.1


def orthogonal(layer: nn.Linear, gain: float, generator: torch.Generator) -> None:
    """Set orthogonal weights times gain, and zero biases."""
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)


def last_linear(module: nn.Module) -> nn.Linear:
    """The output layer of a network."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
