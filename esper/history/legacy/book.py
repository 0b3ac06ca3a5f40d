"""What earlier lines of the original say about later ones: its events leave out what the reader has seen before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from esper.contracts.stages import COOLDOWN_STAGES, SeedStage
from esper.history.legacy.fields import KeptAsideError
from esper.telemetry.events import DEFAULT_GROUP, EpisodeOutcome, GroupStarted, TrainingStarted

ORIGINAL: Final = "original"
"""Stands where a run names the version of Esper that wrote it, and its preset."""


@dataclass(slots=True, kw_only=True)
class PlantedSeed:
    """A seed that is in a slot now.

    accuracy_at_germination: the validation accuracy in percent before it was planted.
    epochs_total: the host epochs that it has lived through.
    """

    seed_id: str
    blueprint: str
    params: int
    accuracy_at_germination: float | None
    stage: SeedStage = SeedStage.GERMINATED
    epochs_total: int = 0


@dataclass(slots=True, kw_only=True)
class EnvBook:
    """One env in its current episode.

    contributions: those of the newest epoch by slot, in percentage points.
    """

    accuracies: list[float] = field(default_factory=list[float])
    episode_reward: float = 0.0
    seeds: dict[str, PlantedSeed] = field(default_factory=dict[str, PlantedSeed])
    contributions: dict[str, float] = field(default_factory=dict[str, float])

    def seed(self, slot_id: str) -> PlantedSeed:
        """The seed in a slot.

        Raises:
            KeptAsideError: the file does not say that one was planted there.
        """
        if slot_id not in self.seeds:
            raise KeptAsideError("the file does not say how the seed was planted")
        return self.seeds[slot_id]

    @property
    def seed_params(self) -> int:
        """The parameters of all seeds that still have their module."""
        return sum(seed.params for seed in self.seeds.values() if seed.stage not in COOLDOWN_STAGES)


@dataclass(slots=True, kw_only=True)
class Decisions:
    """The decisions of a round by op, and how many of them worked."""

    chosen: Counter[str] = field(default_factory=Counter[str])
    succeeded: Counter[str] = field(default_factory=Counter[str])


@dataclass(slots=True, kw_only=True)
class GroupBook:
    """One policy group of the run: the original trains them one after another.

    first_env: how many envs the groups before it have; its own are counted on from there.
    batch: the current round, counted from 1.
    pruned, rollbacks: how many there were in the round.
    decisions: those of the round.
    last_decisions: those of the round before.
    """

    started: TrainingStarted
    first_env: int
    batch: int
    envs: dict[int, EnvBook] = field(default_factory=dict[int, EnvBook])
    outcomes: list[EpisodeOutcome] = field(default_factory=list[EpisodeOutcome])
    decisions: Decisions = field(default_factory=Decisions)
    last_decisions: Decisions = field(default_factory=Decisions)
    pruned: int = 0
    rollbacks: int = 0

    def env(self, env_id: int) -> EnvBook:
        """env_id: counted over all groups."""
        return self.envs.setdefault(env_id, EnvBook())

    def begin_round(self, batch: int) -> None:
        """Forget the round before, whose hosts are gone. Its decisions are still to be reported."""
        self.batch = batch
        self.last_decisions, self.decisions = self.decisions, Decisions()
        self.envs.clear()
        self.outcomes.clear()
        self.pruned = self.rollbacks = 0


@dataclass(slots=True, kw_only=True)
class Book:
    """Everything remembered of a file."""

    groups: dict[str, GroupBook] = field(default_factory=dict[str, GroupBook])

    def begin_group(self, group_id: str, started: TrainingStarted) -> TrainingStarted:
        """Take in that a group starts, for the first time or anew; returns the start of the whole run as it is now."""
        known = self.groups.get(group_id)
        first = known.first_env if known else sum(group.started.n_envs for group in self.groups.values())
        self.groups[group_id] = GroupBook(started=started, first_env=first, batch=started.start_batch)
        if set(self.groups) == {DEFAULT_GROUP}:
            return started
        return _with_groups(started, self.groups)

    def group(self, group_id: str) -> GroupBook:
        """A group that has started.

        Raises:
            KeptAsideError: the file does not say that it has.
        """
        if group_id not in self.groups:
            raise KeptAsideError("it comes before TRAINING_STARTED")
        return self.groups[group_id]


def _with_groups(started: TrainingStarted, groups: dict[str, GroupBook]) -> TrainingStarted:
    records = tuple(
        GroupStarted(
            group_id=name,
            controller="ppo",
            learns=True,
            reward_mode=group.started.reward_mode,
            reward_family="contribution",  # the original gives its groups no other
            env_ids=tuple(range(group.first_env, group.first_env + group.started.n_envs)),
        )
        for name, group in groups.items()
    )
    return replace(started, n_envs=sum(group.started.n_envs for group in groups.values()), groups=records)
