"""Two groups of one run, compared env by env: env k of both had the same host, data and randomness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from esper.errors import ConfigError
from esper.evaluation.intervals import Interval, student_interval
from esper.evaluation.measures import MEASURES, Measure
from esper.evaluation.records import Spread
from esper.evaluation.statistics import spread
from esper.training.vectorized_types import BatchSummary, EpisodeRecord


class Scope(StrEnum):
    """Which rounds count: the last one, or the mean over all rounds, which is taken per env."""

    LAST_ROUND = "last_round"
    ALL_ROUNDS = "mean_over_rounds"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """One measure in one scope.

    Everything is None if there is no pair.

    first, second: the groups' values, over the envs in which both were measured.
    difference: the mean of second - first over these pairs.
    interval: None also if there is only one pair.
    """

    measure: Measure
    scope: Scope
    pairs: int
    first: Spread | None
    second: Spread | None
    difference: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedSummary:
    """Everything that is compared between two groups.

    rounds: the number of completed rounds.
    """

    groups: tuple[str, str]
    rounds: int
    envs: int
    rows: tuple[PairedDifference, ...]


def compare(history: Sequence[BatchSummary], groups: tuple[str, str]) -> PairedSummary | None:
    """Compare two groups of a run's history. The result is None if no round was completed.

    A run has one seed, so the pairs are its envs. The intervals say how certain a difference between these two trained
    controllers is over hosts. They say nothing about training the controllers once more, which would take several runs.

    Raises:
        ConfigError: the history does not have both groups in every round.
    """
    if not history:
        return None
    episodes = _episodes_by_group(history)
    for group_id in groups:
        if len(episodes[group_id]) != len(episodes[groups[0]]) or not episodes[group_id]:
            raise ConfigError(f"the history does not hold every round of group {group_id}: compare groups of one run")
    first, second = (episodes[group_id] for group_id in groups)
    rows = tuple(_row(measure, scope, first, second) for scope in Scope for measure in MEASURES)
    return PairedSummary(groups=groups, rounds=len(first), envs=len(first[0]), rows=rows)


def _episodes_by_group(history: Sequence[BatchSummary]) -> defaultdict[str, list[tuple[EpisodeRecord, ...]]]:
    """The episodes of each group and round, in the order of the envs."""
    found: defaultdict[str, list[tuple[EpisodeRecord, ...]]] = defaultdict(list)
    for summary in history:
        found[summary.group_id].append(tuple(sorted(summary.episode_history, key=lambda record: record.env_id)))
    return found


def _row(
    measure: Measure,
    scope: Scope,
    first: Sequence[Sequence[EpisodeRecord]],
    second: Sequence[Sequence[EpisodeRecord]],
) -> PairedDifference:
    values = zip(_per_env(measure, scope, first), _per_env(measure, scope, second), strict=True)
    pairs = [(one, other) for one, other in values if one is not None and other is not None]
    differences = [other - one for one, other in pairs]
    return PairedDifference(
        measure=measure,
        scope=scope,
        pairs=len(pairs),
        first=_spread_of([one for one, _ in pairs]),
        second=_spread_of([other for _, other in pairs]),
        difference=float(np.mean(differences)) if pairs else None,
        interval=student_interval(differences),
    )


def _per_env(measure: Measure, scope: Scope, rounds: Sequence[Sequence[EpisodeRecord]]) -> list[float | None]:
    """One value per env, or None if one of the rounds that count was not measured."""
    counted = rounds[-1:] if scope is Scope.LAST_ROUND else rounds
    return [_mean([measure.read(record) for record in env]) for env in zip(*counted, strict=True)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _spread_of(values: Sequence[float]) -> Spread | None:
    return spread(values) if values else None
