"""Which checkpoints of a run stay on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from esper.history.run_directory import CHECKPOINTS
from esper.history.tail import round_accuracies


def checkpoint_folders(run: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first; they may be damaged."""
    return sorted((place for place in (run / CHECKPOINTS).glob("round-*") if place.is_dir()), key=round_of)


def round_of(place: Path) -> int:
    """The number of rounds that were complete when a checkpoint was written, as its name says; -1 for other folders."""
    digits = place.name.removeprefix("round-")
    return int(digits) if digits.isdecimal() else -1


def superseded(rounds: list[int], accuracies: Mapping[int, float], keep: int) -> list[int]:
    """The rounds, in rising order, whose checkpoints go: all but the last ones and the most accurate one.

    accuracies: per round in percent; a round without one is not the most accurate.
    keep: how many of the last stay; 0 keeps all.

    >>> superseded([1, 2, 3, 4, 5], {1: 40.0, 2: 70.0, 3: 50.0, 4: 60.0, 5: 65.0}, 2)
    [1, 3]
    """
    if keep == 0:
        return []
    known = [number for number in rounds if number in accuracies]
    best = max(known, key=lambda number: (accuracies[number], number), default=None)
    return [number for number in sorted(rounds)[:-keep] if number != best]


def remove_superseded(run: Path, keep: int) -> None:
    """Remove the checkpoints of a run that need not stay.

    Each is renamed before it is deleted, so that a crash leaves no half of a checkpoint under a checkpoint's name.

    Raises:
        HistoryError: the history, which says how good each round was, cannot be read.
        OSError: a checkpoint cannot be removed.
    """
    places = {round_of(place): place for place in checkpoint_folders(run)}
    for number in superseded(list(places), round_accuracies(run), keep):
        places[number].rename(places[number].with_name(f".{places[number].name}.removed"))
    for leftover in (run / CHECKPOINTS).glob(".round-*.removed"):
        shutil.rmtree(leftover)
