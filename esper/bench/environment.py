"""The machine and the versions with which the figures of a benchmark were measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

import torch

from esper.history.provenance import processor_name


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
        processor=processor_name(),
        processors=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        device=name,
        torch=torch.__version__,
        python=platform.python_version(),
    )
