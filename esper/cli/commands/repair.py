"""The command `esper repair`, which puts the files of a run right that was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


def repair(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
) -> None:
    """Cut off an unfinished last line, write the history anew from the events, and remove unfinished files.

    No committed event is changed. A run that is being written is refused.
    """
    from esper.cli.console.repair import lines_of
    from esper.contracts.text import printable
    from esper.errors import HistoryError
    from esper.history.repair import plan_repair
    from esper.history.repair import repair as carry_out
    from esper.history.run_directory import RunDirectory
    from esper.history.run_lock import RunLock, check_unlocked

    directory = RunDirectory.open(run)
    if dry_run:
        check_unlocked(directory.path)
        print(*map(printable, lines_of(plan_repair(directory), done=False)), sep="\n")
        return
    try:
        lock = RunLock(directory.path)
        try:
            plan = plan_repair(directory)
            carry_out(plan)
        finally:
            lock.close()
    except OSError as error:
        raise HistoryError(f"{run} cannot be repaired: {error.strerror or error}") from error
    print(*map(printable, lines_of(plan, done=True)), sep="\n")
