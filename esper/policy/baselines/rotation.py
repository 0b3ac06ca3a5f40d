"""Which blueprints the baselines try, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from esper.contracts.actions import Blueprint, Topology
from esper.contracts.blueprints import find_blueprint
from esper.errors import ConfigError
from esper.growth.blueprints.catalogue import available_blueprints

ROTATION: Final[dict[Topology, tuple[Blueprint, ...]]] = {
    Topology.CNN: (
        Blueprint.CONV_LIGHT,
        Blueprint.CONV_HEAVY,
        Blueprint.ATTENTION,
        Blueprint.NORM,
        Blueprint.DEPTHWISE,
    ),
    Topology.TRANSFORMER: (
        Blueprint.MLP_SMALL,
        Blueprint.MLP,
        Blueprint.ATTENTION,
        Blueprint.NORM,
        Blueprint.LORA,
    ),
}
"""The order if the configuration names no blueprints. For CNNs it is the order of the original's heuristic."""


def resolve_blueprints(names: Sequence[str], topology: Topology, *, key: str) -> tuple[Blueprint, ...]:
    """The blueprints of these (lower-case) names, or the rotation of the topology if there are none.

    key: the setting that holds the names, for messages.

    Raises:
        ConfigError: hosts of this topology cannot grow one of them.
    """
    available = available_blueprints(topology)
    found = [find_blueprint(name) for name in names]
    chosen = tuple(blueprint for blueprint in found if blueprint is not None)
    assert len(chosen) == len(names), "a configuration names no other blueprints"
    for blueprint in chosen:
        if blueprint not in available:
            offer = ", ".join(sorted(item.name.lower() for item in available))
            raise ConfigError(f"{key} has {blueprint.name.lower()!r}: a {topology} host can grow {offer}")
    return chosen or ROTATION[topology]
