"""What is on screen as files: a picture, and the figures of the envs as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from esper_tui.state.snapshot import CockpitSnapshot, EnvRow

COLUMNS = ("env", "status", "epoch", "accuracy", "best_accuracy", "val_loss", "episode_return", "growth")


def _cells(row: EnvRow) -> Iterable[object]:
    """A missing figure is an empty cell."""
    numbers = (row.epoch, row.accuracy, row.best_accuracy, row.val_loss, row.episode_return, row.growth)
    return (row.env_id, row.status.value, *("" if number is None else number for number in numbers))


def free_name(folder: Path, stem: str, suffix: str) -> Path:
    """A name that no file has yet."""
    number = 1
    while (path := folder / f"{stem}-{number:02d}{suffix}").exists():
        number += 1
    return path


def write_envs(snapshot: CockpitSnapshot, path: Path) -> None:
    """One row an env.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(row) for row in snapshot.envs)
