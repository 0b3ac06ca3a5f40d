"""With how many CPU threads a run may compute on this machine, and with which library."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Final

import torch

from esper.contracts.processors import allowed_processors

_CGROUP: Final = Path("/sys/fs/cgroup")


def use_threads(setting: int) -> None:
    """Let torch and the native kernels compute with this many threads; 0 stands for default_threads()."""
    torch.set_num_threads(setting or default_threads())


def blas_library() -> str:
    """The library that multiplies torch's matrices on CPUs, with its version where torch tells it."""
    build = torch.__config__.show()
    named = re.search(r"^\s*- (.*Math Kernel Library Version \S+)", build, re.MULTILINE)
    if named is not None:
        return named[1]
    setting = re.search(r"BLAS_INFO=(\w+)", build)
    return "none" if setting is None else setting[1]


def default_threads() -> int:
    """As many as torch would take, but no more than the processors that this process may really use.

    What limits it: OMP_NUM_THREADS (torch reads it), the affinity of the process, and the CPU quota of its container.
    """
    return max(1, min(torch.get_num_threads(), allowed_processors(), _quota_processors(_CGROUP)))


def _quota_processors(cgroup: Path) -> int:
    """The processors that the container's CPU quota pays for, rounded up; without a quota all there are."""
    everything = os.cpu_count() or 1
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = " ".join((cgroup / name).read_text(encoding="ascii") for name in files).split()
        except OSError:
            continue
        if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal() and int(words[1]) > 0:
            return max(1, math.ceil(int(words[0]) / int(words[1])))
    return everything
