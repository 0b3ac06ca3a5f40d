"""Puts the files of a run right that a killed process or a power cut left unfinished.

Nothing that was committed is lost.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from esper.contracts.files import open_file
from esper.errors import HistoryError
from esper.history.codec import summary_to_json
from esper.history.disk import sync_to_disk
from esper.history.lines import read_header
from esper.history.reader import open_events, read_run_history
from esper.history.rebuilding import rebuilt_history
from esper.history.records import SCHEMA_VERSION, HistoryLine
from esper.history.run_directory import RunDirectory
from esper.history.upgrade import rewrite_log

_BLOCK: Final = 1 << 16


class HistoryFault(StrEnum):
    """Why a history has to be written anew."""

    MISSING = "it is missing"
    DAMAGED = "it is damaged"
    TORN = "it ends in an unfinished line"
    OTHER = "it does not say what the events say"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """What is wrong with a run's files, and what will be done about it.

    events: how many committed events the log has.
    torn_bytes: the size of the unfinished line at its end, which will be cut off.
    history: the lines that the history will have.
    history_fault: why it will be written anew; None if it is as it should be.
    leftovers: files and folders of writes that never ended, which will be removed.
    """

    directory: RunDirectory
    events: int
    torn_bytes: int
    history: tuple[HistoryLine, ...]
    history_fault: HistoryFault | None
    leftovers: tuple[Path, ...]

    @property
    def is_needed(self) -> bool:
        return bool(self.torn_bytes or self.history_fault or self.leftovers)


def plan_repair(directory: RunDirectory) -> RepairPlan:
    """Look at the files of a run. Nothing is changed.

    Raises:
        HistoryError: a committed line of the log is damaged, so that no repair can tell what happened, or the log has
            an older version's form.
    """
    header = read_header(directory.events_path, "events")
    if header.schema_version < SCHEMA_VERSION:
        raise HistoryError(
            f"{directory.path} has files of version {header.schema_version}, which are read as they are: "
            "`esper train --resume` gives them today's form, and then they can be repaired"
        )
    reader = open_events(directory.path)
    events = tuple(reader.lines())
    history = tuple(rebuilt_history(events))
    size = directory.events_path.stat().st_size
    return RepairPlan(
        directory=directory,
        events=len(events),
        torn_bytes=size - _committed_size(directory.events_path) if reader.torn_tail else 0,
        history=history,
        history_fault=_history_fault(directory, history, len(events)),
        leftovers=tuple(sorted(directory.path.rglob(".*.partial"))),
    )


def repair(plan: RepairPlan) -> None:
    """Do what the plan says. The caller holds the run's lock.

    Raises:
        OSError: a file cannot be written.
    """
    log, history = plan.directory.events_path, plan.directory.history_path
    for place in plan.leftovers:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()
    if plan.torn_bytes:
        with log.open("r+b") as file:
            file.truncate(log.stat().st_size - plan.torn_bytes)
            os.fsync(file.fileno())
    if plan.history_fault is not None:
        header = replace(read_header(log, "events"), file="history")
        rewrite_log(history, header, (summary_to_json(line.summary, seq=line.seq) for line in plan.history))
    sync_to_disk(plan.directory.path)


def _history_fault(directory: RunDirectory, rebuilt: Sequence[HistoryLine], events: int) -> HistoryFault | None:
    """What is wrong with the history.

    One that has a round more than the log has ends of rounds is right: a round is summarised just before its end.
    """
    if not directory.history_path.is_file():
        return HistoryFault.MISSING
    try:
        written = read_run_history(directory.path)
    except HistoryError:
        return HistoryFault.DAMAGED
    further = written.lines[len(rebuilt) :]
    if written.lines[: len(rebuilt)] != tuple(rebuilt) or any(line.seq > events for line in further):
        return HistoryFault.OTHER
    return HistoryFault.TORN if written.torn_tail else None


def _committed_size(path: Path) -> int:
    """The size of a file up to its last newline."""
    with open_file(path) as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
