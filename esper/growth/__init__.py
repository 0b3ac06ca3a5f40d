"""Hosts, blueprints, blending and the life of seeds. What users extend and check is imported from here.

Names are loaded when they are asked for: the lifecycle must be importable without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from esper.growth.blueprints.module_seed import module_blueprint
    from esper.growth.blueprints.registry import register_blueprint
    from esper.growth.conformance import BlueprintReport, check_blueprint

__all__ = ["BlueprintReport", "check_blueprint", "module_blueprint", "register_blueprint"]

_HOMES: Final[dict[str, str]] = {
    "BlueprintReport": "esper.growth.conformance",
    "check_blueprint": "esper.growth.conformance",
    "module_blueprint": "esper.growth.blueprints.module_seed",
    "register_blueprint": "esper.growth.blueprints.registry",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
