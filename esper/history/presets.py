"""From the name of a preset and the user's changes to the configuration of a run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import platformdirs

from esper.contracts.files import read_file
from esper.contracts.registry import nearest
from esper.errors import ConfigError
from esper.history.codec import config_from_mapping, config_to_mapping
from esper.history.json_text import quoted
from esper.plugins import import_plugins
from esper.training.config import TrainingConfig

DEFAULT_PRESET: Final = "digits"

Table = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetInfo:
    """A preset that can be chosen by name."""

    name: str
    description: str
    path: Path


def presets_directory() -> Path:
    """Where the preset files are: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "presets"
    return installed if installed.is_dir() else package.parent / "presets"


def own_presets_directory() -> Path:
    """Where the user keeps presets: ~/.config/esper/presets on Linux."""
    return platformdirs.user_config_path("esper") / "presets"


def list_presets() -> tuple[PresetInfo, ...]:
    """Every preset that comes with Esper, and after them the user's own, by name.

    Raises:
        ConfigError: a preset file is not TOML or has no description, or the user's has a name that is taken.
    """
    shipped, own = (sorted(folder.glob("*.toml")) for folder in (presets_directory(), own_presets_directory()))
    taken = {path.stem for path in shipped}
    for path in own:
        if path.stem in taken:
            raise ConfigError(f"{path} has the name of a preset that comes with Esper: give the file another name")
    return tuple(PresetInfo(name=path.stem, description=_read_preset(path)[0], path=path) for path in (*shipped, *own))


def find_preset(name: str) -> PresetInfo:
    """The preset of that name.

    Raises:
        ConfigError: there is none; the message offers the nearest names.
    """
    presets = {preset.name: preset for preset in list_presets()}
    if name not in presets:
        raise ConfigError(f"there is no preset {name!r}: {nearest(name, presets)}")
    return presets[name]


def load_preset(name: str) -> TrainingConfig:
    """The configuration that a preset describes.

    Raises:
        ConfigError: no preset of that name, or its file is wrong.
    """
    return resolve_config(name)


def resolve_config(
    preset: str = DEFAULT_PRESET, *, overrides: Sequence[str] = (), values: Mapping[str, object] | None = None
) -> TrainingConfig:
    """A preset with the user's changes: first the overrides ("fleet.envs=4"), then the values ({"fleet.envs": 4}).

    All changes take effect together, so that two values that must agree can both be changed.

    Raises:
        ConfigError: no such preset, a malformed override, an unknown key, or a value that does not fit.
    """
    path = find_preset(preset).path
    tables = _read_preset(path)[1]
    _set(tables, "run.preset", preset)
    # Changes are merged into all of the preset's settings, those included that its file leaves at their defaults.
    return with_overrides(_with_defaults(tables, path), overrides, values)


def read_config_file(path: Path) -> TrainingConfig:
    """The configuration in a file: a preset of the user's, or the config.toml of a run. What it leaves out is default.

    Raises:
        ConfigError: the file cannot be read, is the settings of several policy groups, or does not fit.
    """
    tables = _read_toml(path)
    tables.pop("description", None)
    if "groups" in tables:
        raise ConfigError(f"{path} holds the settings of several policy groups: give those of one with --set instead")
    run = tables.setdefault("run", {})
    if isinstance(run, dict):  # Anything else is refused as what it is.
        cast("Table", run).setdefault("preset", path.stem)
    return _with_defaults(tables, path)


def _with_defaults(tables: Table, path: Path) -> TrainingConfig:
    """The configuration that a file's tables describe."""
    import_plugins(named_plugins(tables))
    try:
        return config_from_mapping(cast("Table", _merged(config_to_mapping(TrainingConfig()), tables)))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def with_overrides(
    config: TrainingConfig, overrides: Sequence[str], values: Mapping[str, object] | None = None
) -> TrainingConfig:
    """The configuration with overrides such as "fleet.envs=4" applied together.

    A table changes only the keys that it names: host={blocks=2} leaves the host's other settings as they are.
    Each value is read as TOML. A bare word that is not a TOML value is a string, so task.name=digits needs no quotes.

    Raises:
        ConfigError: a malformed override, an unknown key, or a value that does not fit.
    """
    return _changed(config_to_mapping(config), overrides, values or {})


def with_values(config: TrainingConfig, values: Mapping[str, object]) -> TrainingConfig:
    """The configuration with values such as {"fleet.envs": 4} applied together.

    Raises:
        ConfigError: an unknown key or a value that does not fit.
    """
    return _changed(config_to_mapping(config), (), values)


def override_key(override: str) -> str:
    """The key of an override, such as "fleet.envs" in "fleet.envs=4".

    Raises:
        ConfigError: it is malformed.
    """
    return parse_override(override)[0]


def _changed(tables: Table, overrides: Sequence[str], values: Mapping[str, object]) -> TrainingConfig:
    tables = deepcopy(tables)
    for override in overrides:
        path, value = parse_override(override)
        _set(tables, path, value)
    for path, value in values.items():
        _set(tables, path, value)
    import_plugins(named_plugins(tables))
    return config_from_mapping(tables)


def named_plugins(tables: Table) -> tuple[str, ...]:
    """The modules that run.plugins names, which other settings may need. What is no list of names is refused later."""
    run = tables.get("run")
    names = cast("Table", run).get("plugins") if isinstance(run, dict) else None
    if not isinstance(names, list):
        return ()
    return tuple(name for name in cast("list[object]", names) if isinstance(name, str))


def parse_override(text: str) -> tuple[str, object]:
    """Key and value of an override: ("fleet.envs", 4) of "fleet.envs=4".

    Raises:
        ConfigError: it is malformed.
    """
    path, equals, value = text.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")):
        raise ConfigError(f"override {quoted(text)} is not of the form table.key=value, for example fleet.envs=4")
    return path, _parse_value(value.strip())


def _parse_value(text: str) -> object:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # no TOML, an integer of thousands of digits, or nesting without end
        return text
    return table["value"] if len(table) == 1 else text


def _set(tables: Table, path: str, value: object) -> None:
    *parents, key = path.split(".")
    table = tables
    for depth, parent in enumerate(parents, start=1):
        below = table.setdefault(parent, {})
        if not isinstance(below, dict):
            raise ConfigError(f"{path} does not exist: {'.'.join(parents[:depth])} is a value, not a table")
        table = cast("Table", below)
    table[key] = _merged(table.get(key), value)


def _merged(old: object, new: object) -> object:
    """A value in the place of another: of two tables, the new one's keys over those of the old."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    both = dict(cast("Table", old))
    for key, value in cast("Table", new).items():
        both[key] = _merged(both.get(key), value)
    return both


def _read_preset(path: Path) -> tuple[str, Table]:
    """The description and the tables of a preset file."""
    tables = _read_toml(path)
    description = tables.pop("description", None)
    if not isinstance(description, str):
        raise ConfigError(f'{path} has no description: begin it with description = "what it is for"')
    return description, tables


def _read_toml(path: Path) -> Table:
    try:
        return tomllib.loads(read_file(path).decode())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
