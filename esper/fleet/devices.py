"""The device that a configuration names."""

from __future__ import annotations

import torch

from esper.errors import ConfigError


def resolve_device(name: str, field: str = "run.device") -> torch.device:
    """The device that a config names.

    field: the setting that names it, for the message.

    Raises:
        ConfigError: there is no such device here.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"{field} is {name!r}: write cpu, cuda or cuda:0") from None
    if device.type == "cpu":
        return device
    if device.type != "cuda" or not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"{field} is {name!r}: this machine does not have it; `esper doctor` lists its devices")
    return device


def available_devices() -> tuple[str, ...]:
    """The names that run.device may have on this machine, for example cpu and cuda:0."""
    return ("cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())))
