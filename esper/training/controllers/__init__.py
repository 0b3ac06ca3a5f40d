"""Whatever decides: the PPO agent, saved policies and rules, all with one protocol.

What users register is offered here and loaded when it is asked for, because the agent imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esper.training.controllers.registry import register_controller, register_rule

__all__ = ["register_controller", "register_rule"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("esper.training.controllers.registry"), name)
