"""The command `esper control`, which asks a run that another process trains for something."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


class Wish(StrEnum):
    """What a run can be asked for and goes on after. `esper stop` ends it."""

    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    CHECKPOINT = "checkpoint"


def control(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    wish: Annotated[Wish, typer.Argument(metavar="ACTION", help="status, pause, resume or checkpoint.")] = Wish.STATUS,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for a checkpoint to be written.")
    ] = 120.0,
) -> None:
    """Ask a run that another process trains how it stands, to pause, to go on, or to write a checkpoint now.

    A pause begins before the next host epoch. A checkpoint holds the last complete round.
    """
    from esper.cli.console.control import ask_run
    from esper.control.messages import Action
    from esper.history.run_directory import RunDirectory

    raise typer.Exit(ask_run(RunDirectory.open(run).path, Action(wish.value), wait))
