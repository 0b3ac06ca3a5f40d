"""What a policy group is to be, before anything runs. Nothing here needs torch, so that the cockpit can open first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from esper.errors import ConfigError
from esper.telemetry.bounds import MOST_ENVS
from esper.telemetry.events import DEFAULT_GROUP
from esper.training.config import TrainingConfig

PER_GROUP_TABLES: Final = ("reward", "ppo", "policy", "governor", "controller")
"""The tables of the configuration that may differ between groups. They share one fleet, and so all the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """What a group is to be: its name in telemetry, and the configuration of its envs and controller."""

    config: TrainingConfig
    group_id: str = DEFAULT_GROUP


def check_groups(specs: Sequence[GroupSpec]) -> None:
    """Refuse groups that cannot share a fleet.

    Raises:
        ConfigError: there is no group, two have the same name, they have too many envs, or they differ outside
            PER_GROUP_TABLES.
    """
    if not specs:
        raise ConfigError("there is no policy group: give at least one configuration")
    names = [spec.group_id for spec in specs]
    for name in names:
        if not name or names.count(name) > 1:
            raise ConfigError(f"policy groups are called {', '.join(map(repr, names))}: give each a name of its own")
    first = specs[0]
    if first.config.fleet.envs * len(specs) > MOST_ENVS:
        raise ConfigError(
            f"{len(specs)} groups of {first.config.fleet.envs:,} envs are more than {MOST_ENVS:,}: lower fleet.envs"
        )
    for spec in specs[1:]:
        for table in fields(TrainingConfig):
            if table.name not in PER_GROUP_TABLES:
                _check_equal(table.name, first, spec)


def _check_equal(table: str, first: GroupSpec, other: GroupSpec) -> None:
    ours, theirs = getattr(first.config, table), getattr(other.config, table)
    for item in fields(ours):
        mine, its = getattr(ours, item.name), getattr(theirs, item.name)
        if mine != its:
            raise ConfigError(
                f"{table}.{item.name} is {mine!r} in group {first.group_id} and {its!r} in group {other.group_id}: "
                f"groups share one fleet, so only keys under {', '.join(PER_GROUP_TABLES)} may differ"
            )
