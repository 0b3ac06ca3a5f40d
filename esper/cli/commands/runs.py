"""The command `esper runs`, which lists recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def runs(
    folder: Annotated[
        Path, typer.Argument(envvar="ESPER_RUNS", help="The folder that holds the run directories.")
    ] = Path("runs"),
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Only runs with this tag of `esper note`. Repeatable: with all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per run.")] = False,
) -> None:
    """List the runs in a folder with their state, progress and accuracy, the newest first."""
    from esper.errors import ConfigError
    from esper.history.run_list import list_runs

    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder}: give the folder that holds the runs, as in `esper runs FOLDER`"
        )
    every = list_runs(folder)
    found = [run for run in every if set(tag or ()) <= set(run.tags)]
    from esper.cli.console.runs import print_json, print_table

    if as_json:
        print_json(found)
    elif found:
        print_table(found)
    elif every:
        print(f"None of the {len(every)} runs in {folder} has the tag {' and '.join(tag or ())}.")
    else:
        print(f"There are no runs in {folder}. `esper train` makes one.")
