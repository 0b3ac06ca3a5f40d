"""A run's checkpoints as a table, or as one JSON object per line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from esper.cli.console.formatting import NOT_MEASURED, percent
from esper.cli.console.runs import file_size
from esper.console import PlainConsole
from esper.history.checkpoint_list import ListedCheckpoint
from esper.history.json_text import dump_json


def print_json(checkpoints: Sequence[ListedCheckpoint]) -> None:
    """One JSON object per checkpoint. What is not known is null."""
    for checkpoint in checkpoints:
        print(dump_json(asdict(checkpoint) | {"path": str(checkpoint.path)}))


def print_table(run: Path, checkpoints: Sequence[ListedCheckpoint]) -> None:
    """One row per checkpoint, what is wrong with damaged ones, and how to go on from one."""
    table = Table("checkpoint", box=None, padding=(0, 2, 0, 0))
    for heading in ("rounds", "accuracy %", "size"):
        table.add_column(heading, justify="right")
    for heading in ("written", "files", "marks"):
        table.add_column(heading)
    for checkpoint in checkpoints:
        whole = checkpoint.problem is None
        marks = [word for word, holds in (("latest", checkpoint.latest), ("best", checkpoint.best)) if holds]
        table.add_row(
            Text(checkpoint.path.name),
            str(checkpoint.rounds_completed),
            percent(checkpoint.accuracy),
            file_size(checkpoint.bytes),
            Text(checkpoint.created or NOT_MEASURED),
            Text("whole" if whole else "damaged", style="" if whole else "red"),
            ", ".join(marks),
        )
    console = PlainConsole()
    console.print_whole(table)
    for checkpoint in checkpoints:
        if checkpoint.problem is not None:
            console.print(checkpoint.problem, soft_wrap=True)
    usable = next((checkpoint for checkpoint in checkpoints if checkpoint.problem is None), None)
    if usable is not None:
        console.print(f"Go on from one with: esper train --resume {usable.path}", soft_wrap=True)
    else:
        console.print(f"{run} has no checkpoint from which it could go on.", soft_wrap=True)
