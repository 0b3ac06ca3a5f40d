"""The checkpoints of a run, verified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from esper.contracts.files import read_file
from esper.errors import ConfigError, SavedDataError
from esper.history.checkpoint_files import LATEST_FILE, open_checkpoint
from esper.history.retention import checkpoint_folders, round_of
from esper.history.run_directory import CHECKPOINTS
from esper.history.tail import round_accuracies


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCheckpoint:
    """One checkpoint of a list.

    accuracy: the mean validation accuracy of its round in percent; None if the history does not have the round.
    bytes: the size of its files.
    created: the time in UTC, in ISO 8601; None if its manifest cannot be read.
    latest: whether a run that goes on starts here.
    best: whether its round is the most accurate of those in the list.
    problem: what is wrong with it; None if its files are what was written.
    """

    path: Path
    rounds_completed: int
    accuracy: float | None
    bytes: int
    created: str | None
    latest: bool
    best: bool
    problem: str | None


def list_checkpoints(run: Path) -> list[ListedCheckpoint]:
    """The checkpoints of a run, the newest first, each checked against its digests.

    Raises:
        HistoryError: the history of the run cannot be read.
    """
    accuracies = round_accuracies(run)
    places = checkpoint_folders(run)
    known = [accuracies[round_of(place)] for place in places if round_of(place) in accuracies]
    latest = _latest(run)
    return [_listed(place, accuracies.get(round_of(place)), max(known, default=None), latest) for place in places[::-1]]


def _listed(place: Path, accuracy: float | None, best: float | None, latest: str | None) -> ListedCheckpoint:
    created, problem = None, None
    try:
        created = open_checkpoint(place).manifest.created
    except (ConfigError, SavedDataError) as error:
        problem = str(error)
    return ListedCheckpoint(
        path=place,
        rounds_completed=round_of(place),
        accuracy=accuracy,
        bytes=sum(item.stat().st_size for item in place.iterdir()),
        created=created,
        latest=place.name == latest,
        best=accuracy is not None and accuracy == best,
        problem=problem,
    )


def _latest(run: Path) -> str | None:
    """The name in the first line; the digest of the manifest follows in the second."""
    try:
        return read_file(run / CHECKPOINTS / LATEST_FILE).decode(errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
