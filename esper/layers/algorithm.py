"""How stacked layers compute, and the rule that chooses."""

from __future__ import annotations

from typing import Final, Literal

StackedAlgorithm = Literal["grouped", "loop"]
"""grouped: one call for all rows, features in memory order B, H, W, R, C.
loop: one call per row, features in memory order R, B, H, W, C."""

GROUPED_MAX_PIXELS: Final = 1024
"""On a CPU, images up to this size (32x32) run grouped."""


def resolve_algorithm(
    setting: Literal["auto", "grouped", "loop"], *, height: int, width: int, device_type: str
) -> StackedAlgorithm:
    """The algorithm for images of this size on this kind of device.

    "auto" follows measurement (docs/fleet.md): on two CPU cores grouped is ahead of a call per row from 8x8 up to
    32x32, the largest size measured; larger images keep a row's features together in the cache. An accelerator
    gains most from one launch for all rows, whatever the size.

    >>> resolve_algorithm("auto", height=32, width=32, device_type="cpu")
    'grouped'
    >>> resolve_algorithm("auto", height=224, width=224, device_type="cpu")
    'loop'
    """
    if setting != "auto":
        return setting
    small = height * width <= GROUPED_MAX_PIXELS
    return "grouped" if small or device_type != "cpu" else "loop"


def resolve_token_algorithm(setting: Literal["auto", "grouped", "loop"]) -> StackedAlgorithm:
    """The algorithm for tokens: "auto" is grouped everywhere, which batches the matrix products of all rows.

    >>> resolve_token_algorithm("auto")
    'grouped'
    """
    return "grouped" if setting == "auto" else setting
