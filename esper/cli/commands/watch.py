"""The command `esper watch`, which follows a run that another process writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def watch(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    no_tui: Annotated[bool, typer.Option("--no-tui", help="Print lines instead of opening the cockpit.")] = False,
    plugins: Annotated[
        list[str] | None, typer.Option("--plugin", metavar="MODULE", help="Import this module first. Repeatable.")
    ] = None,
) -> None:
    """Follow a run from its first event on, while another process writes it, until it ends.

    The exit code is 0 if the run finished or was stopped, and 1 if it failed or was cut off.
    """
    from esper.cli.console.watching import watch_run
    from esper.cli.streams import say
    from esper.history.run_directory import RunDirectory
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    directory = RunDirectory.open(run)
    if not no_tui:
        say("esper: the cockpit does not watch other processes yet, so lines are printed, as with --no-tui")
    raise typer.Exit(watch_run(directory))
