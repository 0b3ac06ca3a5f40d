"""What a sweep is, and what came of its trials, as typed records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class TrialState(StrEnum):
    """What became of a trial."""

    FINISHED = "finished"
    PRUNED = "pruned"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOrder:
    """What every process of a sweep must know. The settings that all trials share are in the folder's config.toml.

    folder: holds the study and the runs of every trial.
    searched: the ranges and choices, as they were written.
    seeds: the number of runs of a trial.
    trials: how many trials there shall be.
    prune: whether a trial that lags behind ends early.
    """

    folder: Path
    searched: tuple[str, ...]
    seeds: int
    trials: int
    prune: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """A trial, as the study knows it.

    value: the mean over its seeds of the rolling validation accuracy at the end of a run, in percent; for a pruned
        trial that of its last round; None without a complete round.
    by_seed: this accuracy, seed by seed.
    test_accuracy: the mean test accuracy of the last rounds, which decides nothing; None if it is not complete.
    settings: what was chosen, as overrides such as ppo.learning_rate=0.001.
    runs: its run directories.
    reason: why it failed; empty otherwise.
    """

    number: int
    state: TrialState
    value: float | None
    by_seed: tuple[float, ...]
    test_accuracy: float | None
    settings: tuple[str, ...]
    runs: tuple[str, ...]
    seconds: float | None
    reason: str
