"""Memory that is used again: never by two at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import torch

from esper.layers.native import scratch


def test_memory_of_the_same_size_and_type_comes_back() -> None:
    first = scratch.take(1001, torch.float32)
    scratch.give(first)
    assert scratch.take(1001, torch.float64).dtype == torch.float64
    assert scratch.take(1002, torch.float32).numel() == 1002
    assert scratch.take(1001, torch.float32) is first


def test_two_threads_never_hold_the_same_memory() -> None:
    def hold(number: int) -> bool:
        undisturbed = True
        for _ in range(300):
            memory = scratch.take(257, torch.float32).fill_(number)
            undisturbed &= bool((memory == number).all())
            scratch.give(memory)
        return undisturbed

    with ThreadPoolExecutor(max_workers=4) as threads:
        assert all(threads.map(hold, range(4)))


def test_sizes_that_nobody_asks_for_are_dropped() -> None:
    for size in repeat(3001, 100):
        scratch.give(torch.empty(size))
    assert len(scratch._free) <= 32
