"""Which blueprints can be built. This module does not import torch, so that masks can be computed without it."""

from __future__ import annotations

from typing import Final

from esper.contracts.actions import CNN_BLUEPRINTS, Blueprint, Topology

_AVAILABLE: Final[dict[Topology, frozenset[Blueprint]]] = {
    Topology.CNN: CNN_BLUEPRINTS,
    Topology.TRANSFORMER: frozenset(
        {
            Blueprint.NORM,
            Blueprint.LORA,
            Blueprint.LORA_LARGE,
            Blueprint.ATTENTION,
            Blueprint.MLP_SMALL,
            Blueprint.MLP,
            Blueprint.FLEX_ATTENTION,
        }
    ),
}


def available_blueprints(topology: Topology) -> frozenset[Blueprint]:
    """The blueprints that can be germinated in a host of this topology."""
    return _AVAILABLE[topology]


def add_to_catalogue(blueprint: Blueprint, topology: Topology) -> None:
    """Offer one more blueprint to the hosts of a topology. register_blueprint calls this for what it registers."""
    _AVAILABLE[topology] |= {blueprint}
