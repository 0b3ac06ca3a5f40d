"""Policy groups: one fleet's env axis divided among controllers that run in lockstep.

Groups of one run have the same number of envs, and env k of every group has the same host initialisation, the same
seed initialisation, the same data and the same stream of policy randomness. What differs is what is being compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from esper.contracts.validation import ConfigError
from esper.rewards.normalizer import RewardNormalizer
from esper.telemetry.events import DEFAULT_GROUP, GroupStarted
from esper.training.config import TrainingConfig
from esper.training.controller import Controller

PER_GROUP_TABLES: Final = ("reward", "ppo", "policy", "governor")
"""Tables of the configuration that may differ between groups; the fleet is one tensor program and shares the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """What a group is to be: its name in telemetry, and the configuration of its envs and controller."""

    config: TrainingConfig
    group_id: str = DEFAULT_GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A running group. rows: its envs in the fleet. Normaliser and controller outlive the batches."""

    group_id: str
    config: TrainingConfig
    controller: Controller
    reward_normalizer: RewardNormalizer
    rows: range

    def started(self) -> GroupStarted:
        """The group as the first event of the run names it."""
        return GroupStarted(
            group_id=self.group_id,
            controller=self.controller.name,
            learns=self.controller.learns,
            reward_mode=self.config.reward.mode,
            reward_family=self.config.reward.family,
            env_ids=tuple(self.rows),
        )


def check_groups(specs: Sequence[GroupSpec]) -> None:
    """Refuse groups that cannot share a fleet.

    Raises:
        ConfigError: no group, two of one name, or a difference outside PER_GROUP_TABLES.
    """
    if not specs:
        raise ConfigError("there is no policy group: give at least one configuration")
    names = [spec.group_id for spec in specs]
    for name in names:
        if not name or names.count(name) > 1:
            raise ConfigError(f"policy groups are called {', '.join(map(repr, names))}: give each a name of its own")
    first = specs[0]
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
