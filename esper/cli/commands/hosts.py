"""The command `esper hosts`, which shows the networks that a run kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


def hosts(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    which: Annotated[
        str | None,
        typer.Argument(help="best, last, a name from the list, or ENV,EPISODE: draw this network as a tree."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per network.")] = False,
) -> None:
    """List the networks that a run kept, or draw one with its seeds."""
    from esper.cli.console.hosts import host_tree, hosts_table, print_json
    from esper.history.host_files import list_hosts
    from esper.history.run_directory import RunDirectory

    path = RunDirectory.open(run).path
    if as_json:
        print_json(list_hosts(path))
        return
    from esper.console import PlainConsole
    from esper.export.selection import find_host

    console = PlainConsole()
    if which is None:
        find_host(path)  # The error says what to do if there is none.
        console.print(hosts_table(list_hosts(path)))
    else:
        console.print(host_tree(find_host(path, which)))
