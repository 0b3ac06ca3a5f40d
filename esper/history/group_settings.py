"""Policy groups in settings and files: a common configuration, and for each group what differs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final, cast

from esper.contracts.settings import shown
from esper.errors import ConfigError
from esper.history.codec import config_from_mapping, config_to_mapping
from esper.history.json_text import Document
from esper.history.presets import override_key, with_overrides
from esper.training.config import TrainingConfig
from esper.training.group_spec import PER_GROUP_TABLES, GroupSpec

GROUPS_KEY: Final = "groups"
"""The table of config.toml that holds the differences, by group."""

_TABLES: Final = tuple(item.name for item in fields(TrainingConfig))


def resolve_groups(config: TrainingConfig, overrides: Mapping[str, Sequence[str]]) -> tuple[GroupSpec, ...]:
    """Groups that share a configuration, except for the overrides of each.

    overrides: by group_id, texts such as "ppo.clip_ratio=0.1".

    Raises:
        ConfigError: an override is malformed, or its key is unknown or shared by all groups of a fleet, or its value
            does not fit. The message names the group.
    """
    return tuple(
        GroupSpec(config=_resolve(config, group_id, own), group_id=group_id) for group_id, own in overrides.items()
    )


def run_document(config: TrainingConfig, groups: Sequence[GroupSpec]) -> Document:
    """The content of config.toml: the common configuration and, if there are groups, what each of them changes."""
    document = config_to_mapping(config)
    if groups:
        document[GROUPS_KEY] = {spec.group_id: group_changes(config, spec) for spec in groups}
    return document


def run_from_document(document: Mapping[str, object]) -> tuple[TrainingConfig, tuple[GroupSpec, ...]]:
    """The common configuration and the groups, if there are any. This is the inverse of run_document.

    Raises:
        ConfigError: the document is not such a configuration.
    """
    common = {key: value for key, value in document.items() if key != GROUPS_KEY}
    changes = document.get(GROUPS_KEY, {})
    if not isinstance(changes, dict):
        raise ConfigError(f"{GROUPS_KEY} is {shown(changes)}: expected one table per group")
    config = config_from_mapping(common)
    return config, tuple(_group(config, name, own) for name, own in cast("Document", changes).items())


def _group(config: TrainingConfig, group_id: str, changes: object) -> GroupSpec:
    if not isinstance(changes, dict):
        raise ConfigError(f"group {group_id} is {shown(changes)}: expected a table of what it changes")
    merged = _merged(config_to_mapping(config), cast("Document", changes))
    return GroupSpec(config=config_from_mapping(merged), group_id=group_id)


def group_changes(config: TrainingConfig, spec: GroupSpec) -> Document:
    """Nested tables of the values in which the group differs from the common configuration."""
    return _difference(config_to_mapping(config), config_to_mapping(spec.config))


def changed_keys(changes: Mapping[str, object], prefix: str = "") -> tuple[tuple[str, object], ...]:
    """Every leaf of nested tables, with its dotted path.

    >>> changed_keys({"ppo": {"clip_ratio": 0.1}})
    (('ppo.clip_ratio', 0.1),)
    """
    found: list[tuple[str, object]] = []
    for key, value in changes.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            found += changed_keys(cast("Document", value), f"{path}.")
        else:
            found.append((path, value))
    return tuple(found)


def _resolve(config: TrainingConfig, group_id: str, overrides: Sequence[str]) -> TrainingConfig:
    try:
        for override in overrides:
            key = override_key(override)
            table = key.partition(".")[0]
            if table in _TABLES and table not in PER_GROUP_TABLES:
                raise ConfigError(
                    f"{key} cannot differ between groups, because they share one fleet: set it for both with --set; "
                    f"what may differ is under {', '.join(PER_GROUP_TABLES)}"
                )
        return with_overrides(config, overrides)
    except ConfigError as error:
        raise ConfigError(f"group {group_id}: {error}") from error


def _difference(common: Mapping[str, object], own: Mapping[str, object]) -> Document:
    """What differs between two mappings with the same tables. A value that is not a table is a leaf."""
    changes: Document = {}
    for key, value in own.items():
        if isinstance(value, dict):
            inner = _difference(cast("Document", common[key]), cast("Document", value))
            if inner:
                changes[key] = inner
        elif value != common[key]:
            changes[key] = value
    return changes


def _merged(common: Document, own: Mapping[str, object]) -> Document:
    merged = dict(common)
    for key, value in own.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merged(cast("Document", below), cast("Document", value))
        else:
            merged[key] = value
    return merged
