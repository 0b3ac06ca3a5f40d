"""Modules of your own: named on the command line, or installed as entry points.

They register blueprints, hosts, tasks and controllers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from esper.errors import ConfigError

ENTRY_POINT_GROUP: Final = "esper.plugins"


def load_plugins(modules: Sequence[str] = ()) -> tuple[str, ...]:
    """Import every installed entry point of the group esper.plugins, then these modules; importing registers.

    Modules are also looked for in the working directory. Returns the names of what was imported.

    Raises:
        ConfigError: a module is missing or cannot be imported.
    """
    installed = sorted(point.module for point in entry_points(group=ENTRY_POINT_GROUP))
    if modules and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    names = tuple(dict.fromkeys([*installed, *modules]))
    for name in names:
        _load(name)
    return names


def _load(name: str) -> None:
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"plugin {name!r} was not found: give the name of a module in the working directory or an installed one"
            ) from error
        raise ConfigError(f"plugin {name!r} needs the module {error.name!r}, which is not installed") from error
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"plugin {name!r} cannot be imported: {error}") from error
