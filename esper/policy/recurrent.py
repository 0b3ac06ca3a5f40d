"""The recurrent core: LSTM layers with layer norm, of which all but the first are residual.

Legend: E envs, T epochs, R recurrent size, L layers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

Hidden = tuple[Tensor, Tensor]
"""The state of the core: (h, c), each [L, E, R]."""

_FORGET_BIAS = 1.0


class RecurrentCore(nn.Module):
    """x1 = norm1(lstm1(inputs)), and then x(l) = x(l-1) + norm(l)(lstm(l)(x(l-1))).

    Each layer runs over the whole sequence before the next one starts, so no Python code runs per epoch.
    """

    def __init__(self, inputs: int, size: int, layers: int) -> None:
        super().__init__()
        self._size = size
        widths = [inputs] + [size] * (layers - 1)
        self.lstms = nn.ModuleList(nn.LSTM(width, size, batch_first=True) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in widths)

    def forward(self, inputs_eti: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """The states of the last layer, [E, T, R], and what every layer remembers after the sequence."""
        states, last_h, last_c = inputs_eti, list[Tensor](), list[Tensor]()
        for layer, (lstm, norm) in enumerate(zip(self.lstms, self.norms, strict=True)):
            output, (h, c) = lstm(states, (hidden[0][layer : layer + 1], hidden[1][layer : layer + 1]))
            states = norm(output) if layer == 0 else states + norm(output)
            last_h.append(h)
            last_c.append(c)
        return states, (torch.cat(last_h), torch.cat(last_c))

    def initial_state(self, envs: int) -> Hidden:
        """Zeros."""
        zeros = next(self.parameters()).new_zeros(len(self.lstms), envs, self._size)
        return zeros, zeros

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Set orthogonal gates of gain 1, zero biases, and a total forget bias of 1 + ln(layers)."""
        forget = _FORGET_BIAS + math.log(len(self.lstms))
        for lstm in self.lstms:
            for name, parameter in lstm.named_parameters():
                if name.startswith("bias"):
                    parameter.zero_()
                    continue
                for gate in range(4):
                    rows = parameter[gate * self._size : (gate + 1) * self._size]
                    nn.init.orthogonal_(rows, 1.0, generator=generator)
            # The gates come in the order input, forget, cell, output. torch adds two biases, so only one has the forget
            # bias.
            lstm.get_parameter("bias_ih_l0")[self._size : 2 * self._size] = forget
