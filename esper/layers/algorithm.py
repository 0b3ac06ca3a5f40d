"""How stacked layers compute, and the rule that chooses."""

from __future__ import annotations

from typing import Final, Literal

StackedAlgorithm = Literal["grouped", "loop"]
"""grouped: one call for all rows, features in memory order B, H, W, R, C.
loop: one call per row, features in memory order R, B, H, W, C."""

GROUPED_MAX_PIXELS: Final = 256
"""On a CPU, images up to this size (16x16) run grouped."""


def resolve_algorithm(
    setting: Literal["auto", "grouped", "loop"], *, height: int, width: int, device_type: str
) -> StackedAlgorithm:
    """The algorithm for images of this size on this kind of device.

    "auto" follows measurement: launching one kernel for all rows pays everywhere on an accelerator, and on two CPU
    cores for small images only, where the time per call outweighs the arithmetic. At 32x32 a convolution per row is
    faster there than a grouped one.

    >>> resolve_algorithm("auto", height=8, width=8, device_type="cpu")
    'grouped'
    >>> resolve_algorithm("auto", height=32, width=32, device_type="cpu")
    'loop'
    """
    if setting != "auto":
        return setting
    small = height * width <= GROUPED_MAX_PIXELS
    return "grouped" if small or device_type != "cpu" else "loop"
