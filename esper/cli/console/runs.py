"""Recorded runs as a table, or as one JSON object per line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from rich.table import Table
from rich.text import Text

from esper.cli.console.formatting import NOT_MEASURED, percent
from esper.console import PlainConsole
from esper.history.json_text import dump_json
from esper.history.run_list import ListedRun, RunState

_STYLES: Final = {
    RunState.LIVE: "bold green",
    RunState.ENDED: "",
    RunState.STOPPED: "yellow",
    RunState.FAILED: "red",
    RunState.CUT_OFF: "red",
    RunState.DAMAGED: "bold red",
}

LONGEST_NOTE: Final = 60
"""The most characters of a note that the table shows."""


def print_json(runs: Sequence[ListedRun]) -> None:
    """One JSON object per run. What is not known is null."""
    for run in runs:
        print(dump_json(asdict(run) | {"path": str(run.path)}))


def print_table(runs: Sequence[ListedRun]) -> None:
    """One row per run, and below the table what is wrong with damaged ones."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("run")
    for heading in ("state", "task", "preset"):
        table.add_column(heading)
    for heading in ("rounds", "best %", "last %", "size", "age"):
        table.add_column(heading, justify="right")
    noted = any(run.tags or run.note for run in runs)
    for heading in ("tags", "note") if noted else ():
        table.add_column(heading)
    now = time.time()
    for run in runs:
        table.add_row(
            Text(run.path.name),
            Text(run.state.value, style=_STYLES[run.state]),
            Text(run.task or NOT_MEASURED),
            Text(run.preset or NOT_MEASURED),
            _rounds(run),
            percent(run.best_accuracy),
            percent(run.last_accuracy),
            file_size(run.bytes),
            age(now - (run.created if run.created is not None else run.updated)),
            *((Text(" ".join(run.tags)), Text(_first_words(run.note))) if noted else ()),
        )
    console = PlainConsole()
    console.print_whole(table)
    for run in runs:
        if run.problem is not None:
            console.print(f"{run.path.name}: {run.problem}", soft_wrap=True)


def _first_words(note: str) -> str:
    """The first line of a note, cut off where it is long."""
    line = note.strip().partition("\n")[0]
    return line if len(line) <= LONGEST_NOTE else f"{line[: LONGEST_NOTE - 3]}..."


def _rounds(run: ListedRun) -> str:
    done, asked = (NOT_MEASURED if count is None else str(count) for count in (run.rounds_completed, run.rounds))
    return f"{done}/{asked}"


def file_size(size: int) -> str:
    """A size in bytes, in the unit that suits it.

    >>> file_size(999), file_size(1_500_000)
    ('999 B', '1.5 MB')
    """
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def age(seconds: float) -> str:
    """How long ago something was, in the one unit that suits it.

    >>> age(45), age(7300), age(200_000)
    ('45 s', '2 h', '2 d')
    """
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds / length)} {unit}"
    return f"{max(0, int(seconds))} s"
