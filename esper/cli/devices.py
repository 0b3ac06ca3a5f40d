"""The devices that torch can use here."""

from __future__ import annotations

import torch

from esper.contracts.validation import ConfigError


def available_devices() -> tuple[str, ...]:
    """Names that run.device may have on this machine, for example cpu, cuda, cuda:0."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return ("cpu",)
    kind = accelerator.type
    return ("cpu", kind, *(f"{kind}:{index}" for index in range(torch.accelerator.device_count())))


def require_device(name: str) -> None:
    """Check that torch can use this device.

    Raises:
        ConfigError: it cannot.
    """
    available = available_devices()
    if name not in available:
        raise ConfigError(f"run.device is {name!r}: this machine has {', '.join(available)}")
