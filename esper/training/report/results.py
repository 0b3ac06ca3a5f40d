"""What is left of a batch once its episodes are over, and what the ranks of a run send one another about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from esper.telemetry.events import EpisodeOutcome
from esper.training.episode.tallies import BatchTallies
from esper.training.vectorized_types import RewardSummaryAccumulator


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResults:
    """The results of a group's envs, in the order of the envs.

    reward_sums: those of the envs, in the same order as outcomes.
    tallies: what all of them did together.
    """

    outcomes: tuple[EpisodeOutcome, ...]
    reward_sums: tuple[RewardSummaryAccumulator, ...]
    tallies: BatchTallies


def joined_results(parts: Sequence[GroupResults]) -> GroupResults:
    """The results of all envs, given those of each rank's envs in the order of the ranks."""
    tallies, *others = (part.tallies for part in parts)
    for other in others:
        tallies.add(other)
    return GroupResults(
        outcomes=tuple(chain.from_iterable(part.outcomes for part in parts)),
        reward_sums=tuple(chain.from_iterable(part.reward_sums for part in parts)),
        tallies=tallies,
    )
