"""Modules of your own: named on the command line, or installed as entry points.

They register blueprints, hosts, tasks, controllers, rewards and sinks.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from traceback import walk_tb
from typing import Final

from esper.errors import ConfigError, in_one_line

ENTRY_POINT_GROUP: Final = "esper.plugins"

_imported: Final[set[str]] = set()
"""The plug-ins of this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """A plug-in as it took part in a run.

    version: that of the distribution that installed it; None for a module that no distribution owns.
    digest: the SHA-256, in hexadecimal, of its Python files; None if they cannot be found as files.
    """

    module: str
    version: str | None
    digest: str | None


def load_plugins(modules: Sequence[str] = ()) -> tuple[str, ...]:
    """Import every installed entry point of the group esper.plugins, then these modules; importing registers.

    Modules are also looked for in the working directory. Returns the names of what was imported.

    Raises:
        ConfigError: a module is missing or cannot be imported.
    """
    names = _with_installed(modules)
    import_plugins(names)
    return names


def import_plugins(modules: Sequence[str]) -> None:
    """Import these modules and no others.

    Raises:
        ConfigError: as for load_plugins.
    """
    if modules and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for name in modules:
        _load(name)


def describe_plugins(modules: Sequence[str] = ()) -> tuple[PluginRecord, ...]:
    """What load_plugins of the same modules imported, for the record of a run."""
    records: list[PluginRecord] = []
    names = _with_installed(modules)
    owners: Mapping[str, list[str]] = packages_distributions() if names else {}  # This takes most of a second.
    for name in names:
        distributions = owners.get(name.partition(".")[0], [])
        installed = version(distributions[0]) if distributions else None
        records.append(PluginRecord(module=name, version=installed, digest=_digest(name)))
    return tuple(records)


def _with_installed(modules: Sequence[str]) -> tuple[str, ...]:
    installed = sorted(point.module for point in entry_points(group=ENTRY_POINT_GROUP))
    return tuple(dict.fromkeys([*installed, *modules]))


def _digest(name: str) -> str | None:
    """The digest of a module's file, or of all Python files of a package, with their names."""
    spec = find_spec(name)
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    origin = Path(spec.origin)
    is_package = spec.submodule_search_locations is not None
    files = sorted(origin.parent.rglob("*.py")) if is_package else [origin]
    sha = hashlib.sha256()
    for file in files:
        sha.update(f"{file.relative_to(origin.parent).as_posix()}\n".encode())
        sha.update(file.read_bytes())
    return sha.hexdigest()


def blame(error: BaseException) -> str | None:
    """Which plug-in an error comes from, where in it and what it says, on one line. None if no plug-in is involved.

    The place is the last one in the plug-in's own code, from which the error may have come by way of torch.
    """
    place = None
    for frame, line in walk_tb(error.__traceback__):
        plugin = _plugin_of(frame.f_globals.get("__name__", ""))
        if plugin is not None:
            code = frame.f_code
            place = f"plugin {plugin!r} failed in {code.co_name} ({Path(code.co_filename).name}, line {line})"
    if place is None:
        return None
    words = " ".join(str(error).split())
    return f"{place}: {type(error).__name__}" + (f": {words}" if words else "")


def _plugin_of(module: str) -> str | None:
    return next((name for name in _imported if f"{module}.".startswith(f"{name}.")), None)


def _load(name: str) -> None:
    _imported.add(name)
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"plugin {name!r} was not found: give the name of a module in the working directory or an installed one"
            ) from error
        raise ConfigError(f"plugin {name!r} needs the module {error.name!r}, which is not installed") from error
    except (Exception, SystemExit) as error:  # It is somebody else's code, which can raise anything.
        raise ConfigError(f"plugin {name!r} cannot be imported: {in_one_line(error)}") from error
