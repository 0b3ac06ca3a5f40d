"""The command `esper watch`, which follows a run that another process writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esper.cli.completion import runs
from esper.cli.run_options import Host, Port, ReadOnly, Serve, serve_viewers, wants_cockpit

if TYPE_CHECKING:
    from esper.history.run_directory import RunDirectory


def watch(
    run: Annotated[
        Path,
        typer.Argument(help="A run directory, or an events.jsonl of the original system.", autocompletion=runs),
    ],
    no_tui: Annotated[bool, typer.Option("--no-tui", help="Print lines instead of opening the cockpit.")] = False,
    read_only: ReadOnly = False,
    serve: Serve = False,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    plugins: Annotated[
        list[str] | None, typer.Option("--plugin", metavar="MODULE", help="Import this module first. Repeatable.")
    ] = None,
) -> None:
    """Follow a run from its first event on, while another process trains it, in the cockpit or in printed lines.

    The exit code is 0 if the run finished or was stopped, and 1 if it failed or was cut off.
    """
    from esper.cli.console.original import followed
    from esper.history.run_directory import RunDirectory
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    with followed(run) as path:
        directory = RunDirectory.open(path)
        if serve:
            arguments = ["watch", str(path), *(plugins or ())]
            serve_viewers(arguments, host=host, port=port, title=f"esper watch {path.name}")
            return
        code = _show(directory, None if path == run else run, no_tui=no_tui, read_only=read_only)
    raise typer.Exit(code)


def _show(directory: RunDirectory, original: Path | None, *, no_tui: bool, read_only: bool) -> int:
    """Follow a run, and give the exit code.

    original: the original's file or folder that it grows with.
    """
    if wants_cockpit(no_tui):
        from esper_tui.watching import watch as show

        return show(directory.path, read_only=read_only, original=original)
    from esper.cli.console.watching import watch_run

    return watch_run(directory)
