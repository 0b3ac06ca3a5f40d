"""Ranks that are threads of one process, so that a test of several costs no more than their work."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

T = TypeVar("T")


class _Meeting:
    """Where the threads put down what they have for one another."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._values: list[object] = [None] * size
        self._barrier = threading.Barrier(size, timeout=60)

    def exchange(self, rank: int, own: object) -> list[object]:
        self._values[rank] = own
        self._barrier.wait()
        values = list(self._values)
        self._barrier.wait()
        return values

    def give_up(self) -> None:
        self._barrier.abort()


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(_context: object, own: Tensor, total: Tensor) -> Tensor:
        return total.clone()

    @staticmethod
    def backward(_context: object, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class ThreadRanks:
    """The slow, obvious twin of ProcessGroupRanks."""

    def __init__(self, meeting: _Meeting, rank: int) -> None:
        self._meeting = meeting
        self.rank = rank
        self.size = meeting.size

    def gather(self, own: T) -> Sequence[T]:
        return [pickle.loads(one) for one in cast("list[bytes]", self._meeting.exchange(self.rank, pickle.dumps(own)))]

    def collect(self, own: T) -> Sequence[T]:
        found = self.gather(own)
        return found if self.rank == 0 else ()

    def from_first(self, make: Callable[[], T]) -> T:
        made = self.gather(make() if self.rank == 0 else None)[0]
        return cast("T", made)

    def sum(self, own: Tensor) -> Tensor:
        total = reduce(torch.add, self._tensors(own.detach()))
        return cast("Tensor", _Through.apply(own, total))

    def max(self, own: Tensor) -> Tensor:
        return reduce(torch.maximum, self._tensors(own.detach()))

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        for weight in parameters:
            if weight.grad is not None:
                weight.grad = reduce(torch.add, self._tensors(weight.grad.clone()))

    def _tensors(self, own: Tensor) -> Sequence[Tensor]:
        return cast("list[Tensor]", self._meeting.exchange(self.rank, own))


def in_ranks(size: int, work: Callable[[ThreadRanks], T]) -> list[T]:
    """What each of several ranks returns from the same work."""
    meeting = _Meeting(size)

    def run(rank: int) -> T:
        try:
            return work(ThreadRanks(meeting, rank))
        except BaseException:
            meeting.give_up()
            raise

    with ThreadPoolExecutor(size) as threads:
        futures = [threads.submit(run, rank) for rank in range(size)]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    return [future.result() for future in futures]
