"""Memory for large intermediate results that every training step needs again.

Fresh memory of this size comes from the system page by page and zeroed, which costs as much as the convolution.
"""

from __future__ import annotations

import threading
from typing import Final

import torch
from torch import Tensor

_KEPT: Final = 32

_free: list[Tensor] = []
_lock = threading.Lock()  # shards of a fleet are threads


def take(elements: int, dtype: torch.dtype) -> Tensor:
    """An uninitialised flat CPU tensor of this size."""
    with _lock:
        for index in range(len(_free) - 1, -1, -1):
            if _free[index].numel() == elements and _free[index].dtype == dtype:
                return _free.pop(index)
    return torch.empty(elements, dtype=dtype)


def give(memory: Tensor) -> None:
    """Hand back what take() gave, once nothing reads it any more. Sizes that nobody asks for are dropped in the end."""
    with _lock:
        _free.append(memory)
        del _free[:-_KEPT]
