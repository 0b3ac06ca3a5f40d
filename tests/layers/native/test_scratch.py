"""Memory that is used again: never by two at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
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


def test_what_nobody_asks_for_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_MOST_BYTES", 40_000)
    for size in range(1000, 1100):
        scratch.give(torch.empty(size))
    assert 30_000 < sum(one.nbytes for one in scratch._free) <= 40_000
    assert scratch._free[-1].numel() == 1099
    scratch.give(torch.empty(10_001))
    assert scratch._free == []


def test_clearing_gives_everything_back() -> None:
    scratch.give(torch.empty(3001))
    scratch.clear()
    assert scratch._free == []
