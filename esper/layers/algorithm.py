"""The ways in which stacked layers compute. Which one is fastest depends on shapes and machine: fleet/autotune.py."""

from __future__ import annotations

from typing import Literal

StackedAlgorithm = Literal["native", "grouped", "loop"]
"""native: kernels of our own for a CPU (native/), features in memory order R, C, H, W, B; tokens as grouped.
grouped: one call for all rows, features in memory order B, H, W, R, C.
loop: one call per row, features in memory order R, B, H, W, C."""

ALGORITHMS: tuple[StackedAlgorithm, ...] = ("native", "grouped", "loop")
