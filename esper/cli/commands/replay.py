"""The command `esper replay`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs
from esper.cli.run_options import Host, Port, Serve, serve_viewers, wants_cockpit


def replay(
    path: Annotated[
        Path,
        typer.Argument(help="A run directory, or an events.jsonl, also of the original system.", autocompletion=runs),
    ],
    no_tui: Annotated[bool, typer.Option("--no-tui", help="Print a summary instead of opening the cockpit.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the events, one JSON object per line.")] = False,
    serve: Serve = False,
    host: Host = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Look at a saved run. Of a file of the original system, it is said at the end what became of its lines."""
    from esper.cli.console.original import opened, print_counts

    with opened(path) as (run, imported):
        if serve:
            from esper.history import open_events

            open_events(run)  # A missing run is reported at once, and not to a visitor.
            serve_viewers(["replay", str(run), str(path)], host=host, port=port, title=f"esper replay {path.name}")
            return
        code = _show(run, path, no_tui=no_tui, json=json)
        if imported is not None:
            print_counts(imported, stderr=json)
    raise typer.Exit(code)


def _show(run: Path, origin: Path, *, no_tui: bool, json: bool) -> int:
    """Show the run in one of three ways, and give the exit code.

    origin: what the user named.
    """
    if json:
        return _print_events(run)
    if wants_cockpit(no_tui):
        from esper.history import open_events
        from esper_tui import session

        open_events(run)  # A missing run is reported on the console and not inside the cockpit.
        return session.replay(run, origin=str(origin), notes_in=origin if run == origin and origin.is_dir() else None)
    from esper.cli.console.run_summary import print_run_summary

    print_run_summary(run)
    return 0


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
