"""The ways in which stacked layers compute. Which is fastest depends on shapes and machine; see fleet/autotune.py."""

from __future__ import annotations

from typing import Literal

StackedAlgorithm = Literal["native", "grouped", "loop"]
"""native: our own kernels for CPUs (native/), with features in memory order R, C, H, W, B and tokens as in grouped.
grouped: one call for all rows, with features in memory order B, H, W, R, C.
loop: one call per row, with features in memory order R, B, H, W, C.
"""

ALGORITHMS: tuple[StackedAlgorithm, ...] = ("native", "grouped", "loop")
