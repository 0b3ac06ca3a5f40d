"""What is said about native kernels before a run begins."""

from __future__ import annotations

import torch

from esper.cli.streams import say
from esper.contracts.actions import Topology
from esper.contracts.text import printable
from esper.errors import EsperError
from esper.fleet.devices import resolve_device
from esper.growth.hosts.kinds import topology_of
from esper.layers.native.build import is_compiled, unavailable
from esper.training.config import TrainingConfig


def tell_about_kernels(config: TrainingConfig) -> None:
    """Compile the kernels now if this run may use them, and say so; say also if it has to do without them."""
    if not may_use_kernels(config):
        return
    dtype = torch.get_default_dtype()
    if not is_compiled(dtype):
        say("esper: compiling native kernels for this machine, which takes some seconds and happens once")
    reason = unavailable(dtype)
    if reason is not None and config.fleet.conv_algorithm == "auto":
        say(
            f"esper: native kernels are unavailable, so PyTorch's layers are used, which are about three times slower: "
            f"{printable(reason)}"
        )


def may_use_kernels(config: TrainingConfig) -> bool:
    """Whether the hosts of this run are of a kind and on a device for which there are kernels."""
    if config.fleet.conv_algorithm not in ("auto", "native"):
        return False
    try:
        on_cpu = resolve_device(config.run.device).type == "cpu"
        return on_cpu and topology_of(config.host) is Topology.CNN
    except EsperError:  # What is wrong with these settings is said where they are used.
        return False
