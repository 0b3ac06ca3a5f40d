"""The command `esper checkpoints`, which lists and verifies the checkpoints of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


def checkpoints(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per checkpoint.")] = False,
) -> None:
    """List a run's checkpoints, the newest first, and verify them. The exit code is 1 if one is damaged."""
    from esper.cli.console.checkpoints import print_json, print_table
    from esper.history.checkpoint_list import list_checkpoints
    from esper.history.run_directory import RunDirectory

    found = list_checkpoints(RunDirectory.open(run).path)
    if as_json:
        print_json(found)
    elif found:
        print_table(run, found)
    else:
        print(
            f"{run} has no checkpoint yet: one is written every run.checkpoint_interval rounds and when the run ends."
        )
    raise typer.Exit(int(any(checkpoint.problem is not None for checkpoint in found)))
