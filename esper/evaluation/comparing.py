"""Recorded runs side by side at equal numbers of env-epochs, with a band over the seeds.

An env-epoch is one host epoch of one env: the cost that runs with fleets and episodes of other sizes have in common.
Runs whose settings are equal except for the seed are one band.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from esper.contracts.settings import shown
from esper.errors import ConfigError
from esper.evaluation.intervals import Interval, student_interval
from esper.history.group_settings import changed_keys, run_document
from esper.history.json_text import dump_json
from esper.history.reader import iterate_events, read_history
from esper.history.run_directory import RunDirectory
from esper.telemetry.events import DEFAULT_GROUP, TrainingStarted
from esper.training.checkpoint_records import CHANGEABLE
from esper.training.vectorized_types import BatchSummary


class Measure(StrEnum):
    """What is compared: means over the episodes of a round."""

    ACCURACY = "accuracy"
    TEST = "test"
    RETURN = "return"


TITLES = {
    Measure.ACCURACY: "validation accuracy, %",
    Measure.TEST: "test accuracy, %",
    Measure.RETURN: "return of an episode",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What one policy group of a run reached.

    settings: those that decide what is computed, except for the seed, by key; the run's name if it has none.
    env_epochs: how many the group had trained at the end of each round, rising.
    values: the measure at the end of each round.
    """

    run: Path
    group_id: str
    preset: str
    seed: int
    settings: Mapping[str, object]
    env_epochs: tuple[int, ...]
    values: tuple[float, ...]

    def at(self, env_epochs: float) -> float | None:
        """The value of the last round that was complete by then; None before the first."""
        place = bisect_right(self.env_epochs, env_epochs)
        return self.values[place - 1] if place else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPoint:
    """A band at one number of env-epochs.

    mean: over the runs; None before the first round of any.
    interval: Student's 95 % interval over the runs; None for fewer than two.
    runs: how many had a complete round by then.
    """

    env_epochs: int
    mean: float | None
    interval: Interval | None
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Runs that differ in nothing but their seed."""

    label: str
    curves: tuple[Curve, ...]
    points: tuple[BandPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All bands at the same numbers of env-epochs.

    left_out: why runs that were named do not count, a sentence each.
    """

    measure: Measure
    bands: tuple[Band, ...]
    left_out: tuple[str, ...]


def compare_runs(runs: Sequence[Path], measure: Measure, *, points: int) -> Comparison:
    """Compare recorded runs at so many numbers of env-epochs, the last of which all of them have reached.

    Raises:
        ConfigError: no run has a complete round with the measure, or a run's settings do not fit this version.
        HistoryError: a run cannot be read.
    """
    left_out: list[str] = []
    found: dict[tuple[str, int], Curve] = {}
    for run in dict.fromkeys(runs):
        curves = read_curves(run, measure)
        if not curves:
            left_out.append(f"{run} has no complete round with a figure for {measure}.")
        for curve in curves:
            key = (dump_json(dict(curve.settings), sort_keys=True), curve.seed)
            other = found.get(key)
            if other is not None:
                shorter = min(curve, other, key=lambda one: len(one.env_epochs))
                longer = curve if shorter is other else other
                left_out.append(f"{shorter.run} has the settings and the seed of {longer.run}.")
                curve = longer
            found[key] = curve
    if not found:
        raise ConfigError(f"there is nothing to compare: {' '.join(left_out)}")
    marks = shared_marks(list(found.values()), points)
    return Comparison(measure=measure, bands=_bands(list(found.values()), marks), left_out=tuple(left_out))


def read_curves(path: Path, measure: Measure) -> list[Curve]:
    """The curves of a run, one per policy group that has a figure for the measure.

    Raises:
        HistoryError: the run cannot be read.
        ConfigError: its settings do not fit this version.
    """
    directory = RunDirectory.open(path)
    first = next(iterate_events(path), None)
    if first is None or not isinstance(first.payload, TrainingStarted):
        return []
    rounds: dict[str, list[tuple[int, float]]] = {}
    for summary in read_history(path):
        value = _value(summary, measure)
        if value is not None:
            place = summary.episodes * first.payload.max_epochs
            rounds.setdefault(summary.group_id, []).append((place, value))
    return [
        Curve(
            run=path,
            group_id=group_id,
            preset=first.payload.preset,
            seed=first.payload.seed,
            settings=_settings(directory, group_id),
            env_epochs=tuple(place for place, _ in values),
            values=tuple(value for _, value in values),
        )
        for group_id, values in rounds.items()
    ]


def shared_marks(curves: Sequence[Curve], points: int) -> list[int]:
    """The numbers of env-epochs at which curves are compared: ends of rounds, or evenly spaced if they are too many."""
    end = min(curve.env_epochs[-1] for curve in curves)
    ends = sorted({place for curve in curves for place in curve.env_epochs if place <= end})
    return ends if len(ends) <= points else [round(end * (one + 1) / points) for one in range(points)]


def _bands(curves: Sequence[Curve], marks: Sequence[int]) -> tuple[Band, ...]:
    members: dict[str, list[Curve]] = {}
    for curve in curves:
        members.setdefault(dump_json(dict(curve.settings), sort_keys=True), []).append(curve)
    together = list(members.values())
    return tuple(
        Band(label=label, curves=tuple(band), points=tuple(_point(band, mark) for mark in marks))
        for label, band in zip(_labels([band[0] for band in together]), together, strict=True)
    )


def _point(curves: Sequence[Curve], mark: int) -> BandPoint:
    values = [value for curve in curves if (value := curve.at(mark)) is not None]
    mean = float(np.mean(values)) if values else None
    return BandPoint(env_epochs=mark, mean=mean, interval=student_interval(values), runs=len(values))


def _labels(firsts: Sequence[Curve]) -> list[str]:
    """What tells each band from the others: its preset if they have several, and the settings that differ within it."""
    several = len({one.preset for one in firsts}) > 1
    labels = [_label(one, [other for other in firsts if other.preset == one.preset], several) for one in firsts]
    return [
        label if labels.count(label) == 1 else f"{label}: {one.run.name}"
        for label, one in zip(labels, firsts, strict=True)
    ]


def _label(one: Curve, alike: Sequence[Curve], several: bool) -> str:
    if _NAME in one.settings:
        return one.run.name
    differing = [
        key
        for key in sorted({key for other in alike for key in other.settings})
        if len({shown(other.settings.get(key)) for other in alike}) > 1
    ]
    words = [f"{key}={shown(one.settings[key])}" for key in differing if key in one.settings]
    words = [one.preset, *words] if several or not words else words
    more = [f"and {len(words) - _MOST_WORDS} more"] if len(words) > _MOST_WORDS else []
    return ", ".join([*words[:_MOST_WORDS], *more])


_NAME = "run"
"""The only setting of a run whose settings are not known."""

_MOST_WORDS = 3


def _settings(directory: RunDirectory, group_id: str) -> dict[str, object]:
    """The settings of a group that decide what it computes, by key, without the seed."""
    if not directory.config_path.exists():  # Imported runs have none.
        return {_NAME: str(directory.path), "group": group_id}
    config, groups = directory.load()
    own = next((spec.config for spec in groups if spec.group_id == group_id), config)
    settings = dict(changed_keys(run_document(own, ())))
    for key in ("run.seed", "run.preset", *CHANGEABLE):
        settings.pop(key, None)
    if group_id != DEFAULT_GROUP:
        settings["group"] = group_id
    return settings


def _value(summary: BatchSummary, measure: Measure) -> float | None:
    match measure:
        case Measure.ACCURACY:
            return summary.avg_accuracy
        case Measure.TEST:
            return summary.avg_test_accuracy
        case Measure.RETURN:
            return summary.avg_reward
