"""The command `esper replay`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from esper.cli.run_options import wants_cockpit


def replay(
    path: Annotated[Path, typer.Argument(help="A run directory, or an events.jsonl.")],
    no_tui: Annotated[bool, typer.Option("--no-tui", help="Print a summary instead of opening the cockpit.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the events, one JSON object per line.")] = False,
) -> None:
    """Look at a saved run."""
    if json:
        raise typer.Exit(_print_events(path))
    if wants_cockpit(no_tui):
        from esper.history import open_events
        from esper_tui import session

        open_events(path)  # A missing run is reported on the console and not inside the cockpit.
        raise typer.Exit(session.replay(path))
    from esper.cli.console.run_summary import print_run_summary

    print_run_summary(path)


def _print_events(path: Path) -> int:
    from esper.history import open_events
    from esper.history.codec import event_to_json

    reader = open_events(path)
    for event in reader.lines():
        sys.stdout.write(event_to_json(event) + "\n")
    sys.stdout.flush()
    if reader.torn_tail:
        print("esper: the file ends in an unfinished line, which was left out", file=sys.stderr)
    return 0
