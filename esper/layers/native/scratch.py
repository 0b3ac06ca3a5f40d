"""Memory for large intermediate results that every training step needs again.

Fresh memory of this size comes from the system page by page and zeroed, which costs as much as the convolution.
"""

from __future__ import annotations

import threading
from typing import Final

import torch
from torch import Tensor

_MOST_BYTES: Final = 2**29
"""What is kept while nobody uses it. A training step of 8 CIFAR hosts with 512 samples takes half of that."""

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
    """Hand back what take() gave, once nothing reads it any more. The oldest is dropped when too much is kept."""
    with _lock:
        _free.append(memory)
        while sum(one.nbytes for one in _free) > _MOST_BYTES:
            del _free[0]


def clear() -> None:
    """Give everything that is not in use back to the system."""
    with _lock:
        _free.clear()
