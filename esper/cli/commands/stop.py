"""The command `esper stop`, which ends a run that another process writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


def stop(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    after_round: Annotated[bool, typer.Option("--after-round", help="Let the run finish its round first.")] = False,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for the run to end.")] = 120.0,
) -> None:
    """Ask a run to end in an orderly way, and wait until it has: it saves its last complete round first."""
    from esper.console import PlainConsole
    from esper.history.run_directory import RunDirectory
    from esper.process.stopping import ask_to_stop, wait_for_end

    path = RunDirectory.open(run).path
    pid = ask_to_stop(path, after_round=after_round)
    print(f"Asked process {pid} to stop after its {'round' if after_round else 'epoch'}.", flush=True)
    with PlainConsole(stderr=True).status("waiting for the run to end"):
        ended = wait_for_end(path, wait, lambda: None)
    if not ended:
        print(f"It has not ended after {wait:g} s. `kill -9 {pid}` breaks it off; what was recorded stays.")
        raise typer.Exit(1)
    from esper.cli.console.run_ending import ending_lines

    for line in ending_lines(path):
        print(line)
