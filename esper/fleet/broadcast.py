"""One stream of minibatches for several readers, each in its own thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from esper.layers.batch import Minibatch


class Broadcast:
    """Every reader gets every minibatch.

    The first to need the next one draws it, and it is kept until all have read it.
    """

    def __init__(self, batches: Iterable[Minibatch], *, readers: int) -> None:
        self._source = iter(batches)
        self._waiting: list[deque[Minibatch]] = [deque() for _ in range(readers)]
        self._lock = threading.Lock()

    def reader(self, number: int) -> Iterator[Minibatch]:
        """All minibatches, from the first one on."""
        waiting = self._waiting[number]
        while True:
            with self._lock:
                if not waiting:
                    batch = next(self._source, None)
                    if batch is None:
                        return
                    for queue in self._waiting:
                        queue.append(batch)
                mine = waiting.popleft()
            yield mine


def rows_of(batch: Minibatch, envs: range, device: torch.device) -> Minibatch:
    """The part of a minibatch that belongs to some envs, on their device. What all envs share is copied once."""
    return Minibatch(inputs=_part(batch.inputs, envs, device), targets=_part(batch.targets, envs, device))


def _part(tensor_e: Tensor, envs: range, device: torch.device) -> Tensor:
    if tensor_e.stride(0) == 0:
        one = tensor_e[:1].to(device, non_blocking=True)
        return one.expand(len(envs), *tensor_e.shape[1:])
    return tensor_e[envs.start : envs.stop].to(device, non_blocking=True)
