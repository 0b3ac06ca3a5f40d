"""Which blueprints can be built. This module does not import torch, so that masks can be computed without it."""

from __future__ import annotations

from collections.abc import Mapping
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

_ADDED: Final[dict[Topology, dict[Blueprint, str]]] = {topology: {} for topology in Topology}


def available_blueprints(topology: Topology) -> frozenset[Blueprint]:
    """The blueprints that can be germinated in a host of this topology."""
    return _AVAILABLE[topology]


def added_blueprints(topology: Topology) -> Mapping[Blueprint, str]:
    """The blueprints that were registered for hosts of this topology, each with the module that registered it."""
    return _ADDED[topology]


def add_to_catalogue(blueprint: Blueprint, topology: Topology, module: str) -> None:
    """Offer one more blueprint to the hosts of a topology. register_blueprint calls this for what it registers."""
    _AVAILABLE[topology] |= {blueprint}
    _ADDED[topology][blueprint] = module
