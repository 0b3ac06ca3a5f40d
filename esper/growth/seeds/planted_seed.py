"""What grows in a slot: the module of a blueprint and, for the GATE blend, its gate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from esper.growth.blueprints.residual import ResidualSeed
from esper.growth.seeds.blend_gate import BlendGate
from esper.growth.seeds.blending import SeedOutput


class SeedModule(nn.Module):
    """R seeds of one blueprint, either all with a gate or all without.

    From birth the gate's parameters belong to the seed: they share its optimiser, its clipping norm and its
    snapshots. In a flat row they come after the others.
    """

    def __init__(self, seed: ResidualSeed, gate: BlendGate | None) -> None:
        super().__init__()
        self.seed = seed
        self.gate = gate

    @property
    def gated(self) -> bool:
        return self.gate is not None

    def forward(self, x: Tensor) -> SeedOutput:
        """What the seeds return for x, and what their gates give for x."""
        return SeedOutput(s=self.seed(x), gate=None if self.gate is None else self.gate(x))


def plant(seed: ResidualSeed, *, channels: int, gated: bool, generators: Sequence[torch.Generator]) -> SeedModule:
    """A seed as it stands in a slot. The generators draw the gate after the seed."""
    gate = BlendGate(channels, generators, seed.algorithm) if gated else None
    return SeedModule(seed, gate)
