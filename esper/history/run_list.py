"""What is known of the runs in a folder, from the ends of their files."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, cast

from esper.contracts.files import read_file
from esper.errors import HistoryError, SavedDataError
from esper.history.json_text import Document, quoted
from esper.history.lines import read_header
from esper.history.notes import read_notes
from esper.history.run_directory import CONFIG_FILE, EVENTS_FILE
from esper.history.run_lock import is_locked
from esper.history.tail import last_event, round_accuracies
from esper.telemetry.events import RunEnd, TrainingEnded

Value = TypeVar("Value", str, int)


class RunState(StrEnum):
    """Whether a run goes on, and how it ended if it does not.

    CUT_OFF: no process writes it, and its log has no end.
    DAMAGED: its files cannot be read.
    """

    LIVE = "live"
    ENDED = "ended"
    STOPPED = "stopped"
    FAILED = "failed"
    CUT_OFF = "cut off"
    DAMAGED = "damaged"


_BY_END = {RunEnd.FINISHED: RunState.ENDED, RunEnd.STOPPED: RunState.STOPPED, RunEnd.FAILED: RunState.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """One run of a list. None stands for what the files do not say.

    rounds_completed: the rounds in its history.
    rounds: the rounds that it was asked for.
    best_accuracy, last_accuracy: the highest and the latest mean validation accuracy of a round, in percent.
    bytes: the size of all its files.
    created: when it was started, in seconds since the Unix epoch.
    updated: when its log was last written, in seconds since the Unix epoch.
    tags, note: what was noted about it.
    problem: what is wrong with its files.
    """

    path: Path
    state: RunState
    task: str | None
    preset: str | None
    rounds_completed: int | None
    rounds: int | None
    best_accuracy: float | None
    last_accuracy: float | None
    bytes: int
    created: float | None
    updated: float
    tags: tuple[str, ...] = ()
    note: str = ""
    problem: str | None = None


def list_runs(folder: Path) -> list[ListedRun]:
    """The runs in a folder, the newest first. A folder that is itself a run is a list of one.

    Raises:
        OSError: the folder cannot be read.
    """
    places = [folder] if (folder / EVENTS_FILE).is_file() else list(folder.iterdir())
    found = [listed_run(place) for place in places if (place / EVENTS_FILE).is_file()]
    return sorted(found, key=lambda run: (run.created or run.updated, run.path.name), reverse=True)


def listed_run(path: Path) -> ListedRun:
    """What is known of one run."""
    settings = _settings(path)
    run = ListedRun(
        path=path,
        state=RunState.DAMAGED,
        task=_named(settings, "task", "name", str),
        preset=_named(settings, "run", "preset", str),
        rounds_completed=None,
        rounds=_named(settings, "run", "rounds", int),
        best_accuracy=None,
        last_accuracy=None,
        bytes=sum(item.stat().st_size for item in path.rglob("*") if item.is_file()),
        created=None,
        updated=(path / EVENTS_FILE).stat().st_mtime,
    )
    run = _with_notes(run)
    try:
        return _with_progress(run)
    except SavedDataError as error:
        return replace(run, state=RunState.LIVE if is_locked(path) else RunState.DAMAGED, problem=str(error))


def run_state(path: Path) -> RunState:
    """Whether a run goes on, and how it ended if it does not.

    Raises:
        HistoryError: the log's last line is wrong.
    """
    if is_locked(path):
        return RunState.LIVE
    event = last_event(path)
    if event is not None and isinstance(event.payload, TrainingEnded):
        return _BY_END[event.payload.end]
    return RunState.CUT_OFF


def _with_progress(run: ListedRun) -> ListedRun:
    """The run with what its logs say."""
    accuracies = round_accuracies(run.path)
    return replace(
        run,
        state=run_state(run.path),
        rounds_completed=max(accuracies, default=0),
        best_accuracy=max(accuracies.values(), default=None),
        last_accuracy=accuracies[max(accuracies)] if accuracies else None,
        created=_created(run.path),
    )


def _with_notes(run: ListedRun) -> ListedRun:
    """The run with what was noted about it. Damaged notes leave the run itself as it is."""
    try:
        notes = read_notes(run.path)
    except HistoryError as error:
        return replace(run, problem=str(error))
    return replace(run, tags=notes.tags, note=notes.note)


def _created(path: Path) -> float:
    """The time in the header."""
    created = read_header(path / EVENTS_FILE, "events").created
    try:
        return datetime.fromisoformat(created).timestamp()
    except (ValueError, OverflowError) as error:
        raise HistoryError(f"{path / EVENTS_FILE}, line 1: created is {quoted(created)}: expected a time") from error


def _settings(path: Path) -> Document:
    """The run's settings as they stand in the file; empty if it cannot be read.

    They are not validated, since a run with a plug-in's parts is listed without the plug-in.
    """
    try:
        return tomllib.loads(read_file(path / CONFIG_FILE).decode())
    except (OSError, ValueError, RecursionError):
        return {}


def _named(settings: Document, table: str, name: str, form: type[Value]) -> Value | None:
    values = settings.get(table)
    value = cast("Document", values).get(name) if isinstance(values, dict) else None
    return value if isinstance(value, form) else None
