"""What grows in a slot: a blueprint's module and, for the GATE blend, its gate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from esper.growth.blueprints.residual import ResidualSeed
from esper.growth.seeds.blend_gate import BlendGate
from esper.growth.seeds.blending import SeedOutput


class SeedModule(nn.Module):
    """R seeds of one blueprint, either all with a gate or all without.

    The gate's parameters are the seed's: one optimiser, one clipping norm, one snapshot, from birth. In a flat row
    they come after the others.
    """

    def __init__(self, seed: ResidualSeed, gate: BlendGate | None) -> None:
        super().__init__()
        self.seed = seed
        self.gate = gate

    @property
    def gated(self) -> bool:
        return self.gate is not None

    def forward(self, x: Tensor) -> SeedOutput:
        """What the seeds return for x, and what their gates say about x."""
        return SeedOutput(s=self.seed(x), gate=None if self.gate is None else self.gate(x))


def plant(seed: ResidualSeed, *, channels: int, gated: bool, generators: Sequence[torch.Generator]) -> SeedModule:
    """A seed as it stands in a slot. The gate is drawn from the generators after the seed was."""
    gate = BlendGate(channels, generators, seed.algorithm) if gated else None
    return SeedModule(seed, gate)
