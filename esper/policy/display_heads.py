"""Heads that are trained beside the policy but never steer it: no gradient of theirs reaches the recurrent states.

Legend: E envs, T epochs, S slots, R recurrent size, O ops, W width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from esper.contracts.actions import Op
from esper.policy.initialization import HIDDEN_GAIN, VALUE_GAIN, last_linear, orthogonal

CONTRIBUTION_CLIP = 10.0
"""The size, in percentage points, at which a measured contribution is clipped before it is learned."""

_DROPOUT = 0.1


class DisplayHead(nn.Module):
    """Linear -> LayerNorm -> ReLU -> Linear on detached states."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.width = width
        self.hidden = nn.Sequential(nn.Linear(inputs, width), nn.LayerNorm(width), nn.ReLU())
        self.output = nn.Linear(width, outputs)

    def forward(self, states_etr: Tensor, keep_etw: Tensor | None = None) -> Tensor:
        """Values from detached states.

        keep_etw: what dropout() returned; without it nothing is dropped.
        """
        hidden_etw = self.hidden(states_etr.detach())
        return self.output(hidden_etw if keep_etw is None else hidden_etw * keep_etw)

    def dropout(self, envs: int, epochs: int, generator: torch.Generator) -> Tensor:
        """Factors [E, T, W] on the CPU: 0 for one unit in ten, 1 / 0.9 for the others."""
        kept = torch.rand(envs, epochs, self.width, generator=generator) >= _DROPOUT
        return kept / (1.0 - _DROPOUT)

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Orthogonal weights and an output near zero."""
        orthogonal(last_linear(self.hidden), HIDDEN_GAIN, generator)
        orthogonal(self.output, VALUE_GAIN, generator)


def op_value_head(recurrent_size: int, width: int) -> DisplayHead:
    """Q(s, op) of every op, [E, T, O], in the critic's normalised units.

    It is for display only: the update uses V(s).
    """
    return DisplayHead(recurrent_size, width, len(Op))


def contribution_head(recurrent_size: int, width: int, num_slots: int) -> DisplayHead:
    """The contribution that each slot's seed is expected to show in the next epoch's measurement, [E, T, S].

    Its unit is CONTRIBUTION_CLIP percentage points.
    """
    return DisplayHead(recurrent_size, width, num_slots)
