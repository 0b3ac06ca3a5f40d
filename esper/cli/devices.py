"""The devices that a run can use here."""

from __future__ import annotations

import torch


def available_devices() -> tuple[str, ...]:
    """Names that run.device may have on this machine, for example cpu, cuda:0."""
    return ("cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())))
