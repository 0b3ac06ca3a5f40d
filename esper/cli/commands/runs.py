"""The command `esper runs`, which lists recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def runs(
    folder: Annotated[
        Path, typer.Argument(envvar="ESPER_RUNS", help="The folder that holds the run directories.")
    ] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per run.")] = False,
) -> None:
    """List the runs in a folder with their state, progress and accuracy, the newest first."""
    from esper.errors import ConfigError
    from esper.history.run_list import list_runs

    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder}: give the folder that holds the runs, as in `esper runs FOLDER`"
        )
    found = list_runs(folder)
    from esper.cli.console.runs import print_json, print_table

    if as_json:
        print_json(found)
    elif found:
        print_table(found)
    else:
        print(f"There are no runs in {folder}. `esper train` makes one.")
