"""The static host of a given size: a plain network as large as what a controller grew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from esper.evaluation.cost import CostMeter
from esper.growth.hosts.config import HostConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedHost:
    """A host, and the one setting that was chosen for its size."""

    host: HostConfig
    setting: str
    value: int
    parameters: int


def nearest_host(host: HostConfig, parameters: float, meter: CostMeter) -> SizedHost | None:
    """The host like this one, and no smaller, whose parameter count is nearest. Of two equally near ones, the smaller.

    None for kinds without a known setting for their size.
    """
    best: SizedHost | None = None
    for setting, value, candidate in _sizes(host):
        sized = SizedHost(host=candidate, setting=setting, value=value, parameters=meter.cost((), candidate).parameters)
        if best is None or abs(sized.parameters - parameters) < abs(best.parameters - parameters):
            best = sized
        if sized.parameters >= parameters:
            break
    return best


def _sizes(host: HostConfig) -> Iterator[tuple[str, int, HostConfig]]:
    """The setting, its value and the host, from the size of this host upwards."""
    if host.kind == "cnn":
        for width in count(host.base_channels):
            yield "host.base_channels", width, replace(host, base_channels=width)
    elif host.kind == "transformer":
        own = host.transformer
        for width in count(own.width, own.heads):
            yield "host.transformer.width", width, replace(host, transformer=replace(own, width=width))
