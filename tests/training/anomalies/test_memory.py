from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from esper.training.anomalies.memory import MemoryReading, read_memory, resident_memory
from esper.training.anomalies.watches import MEMORY_COOLDOWN_SECONDS, MemoryWatch

CPU = torch.device("cpu")
LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc")


@LINUX
def test_resident_memory_grows_with_what_is_allocated() -> None:
    before = read_memory(CPU)
    block = bytearray(os.urandom(64)) * 1_000_000  # 64 MB, written and so resident
    after = read_memory(CPU)
    assert before is not None
    assert after is not None
    assert 0.9 * len(block) < after.used - before.used < 1.5 * len(block)
    assert after.total == before.total > after.used


@LINUX
def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    pages, limit = tmp_path / "statm", tmp_path / "memory.max"
    pages.write_text("1000 250 30 1 0 70 0\n")
    page = os.sysconf("SC_PAGE_SIZE")
    limit.write_text(f"{1000 * page}\n")
    assert resident_memory(pages, limit) == MemoryReading(used=250 * page, total=1000 * page)
    limit.write_text("max\n")
    unlimited = resident_memory(pages, limit)
    assert unlimited is not None
    assert unlimited.total == os.sysconf("SC_PHYS_PAGES") * page


def test_where_there_is_no_proc_nothing_is_claimed(tmp_path: Path) -> None:
    assert resident_memory(tmp_path / "statm") is None


def test_the_alarm_is_not_repeated_before_the_cooldown_is_over() -> None:
    now, share = 1000.0, 90
    watch = MemoryWatch(CPU, batches=9, read=lambda _: MemoryReading(used=share, total=100), clock=lambda: now)
    assert len(watch.after_batch(1)) == 1
    now += MEMORY_COOLDOWN_SECONDS - 1
    assert watch.after_batch(2) == ()
    now += 1
    assert len(watch.after_batch(3)) == 1
    now, share = now + MEMORY_COOLDOWN_SECONDS, 10
    assert watch.after_batch(4) == ()
    share = 90
    assert len(watch.after_batch(5)) == 1, "a look that found nothing starts no cooldown"
