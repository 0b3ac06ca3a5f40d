"""How much memory the run uses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

_PROCESS_PAGES: Final = Path("/proc/self/statm")
_CONTAINER_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReading:
    """The bytes that this process uses, and the bytes that there are."""

    used: int
    total: int

    @property
    def share(self) -> float:
        return self.used / self.total


def read_memory(device: torch.device) -> MemoryReading | None:
    """The memory in use: what torch has allocated on a CUDA device, or the resident size of the process on a CPU.

    The total is that of the device, or of the machine, or of the container if that is smaller. None if it is not known
    here.
    """
    if device.type == "cuda":
        _, total = torch.cuda.mem_get_info(device)
        return MemoryReading(used=torch.cuda.memory_allocated(device), total=total)
    return resident_memory()


def resident_memory(pages: Path = _PROCESS_PAGES, limit: Path = _CONTAINER_LIMIT) -> MemoryReading | None:
    """The resident memory of the process, or None on a system without /proc (macOS, Windows)."""
    if not pages.exists():
        return None
    page_size = os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * page_size
    words = limit.read_text(encoding="ascii").split() if limit.exists() else []
    if words and words[0].isdigit():  # The file says "max" if the container sets no limit of its own.
        total = min(total, int(words[0]))
    resident = int(pages.read_text(encoding="ascii").split()[1])
    return MemoryReading(used=resident * page_size, total=total)
