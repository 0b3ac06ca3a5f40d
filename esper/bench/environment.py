"""The machine and the versions with which the figures of a benchmark were measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The machine and the versions with which a figure was measured.

    threads: the number of torch's threads on the CPU.
    """

    processor: str
    processors: int
    threads: int
    device: str
    torch: str
    python: str

    def __str__(self) -> str:
        return (
            f"torch {self.torch}, Python {self.python}, device {self.device}, {self.threads} threads, "
            f"{self.processors} x {self.processor}"
        )


def environment(device: torch.device) -> Environment:
    """The environment of this process."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    return Environment(
        processor=_processor(),
        processors=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        device=name,
        torch=torch.__version__,
        python=platform.python_version(),
    )


def _processor() -> str:
    """The model of the CPU, as far as the system reports it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
