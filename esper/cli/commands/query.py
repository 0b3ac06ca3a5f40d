"""The command `esper query`, which asks SQL of recorded events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


def query(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.", autocompletion=runs)],
    sql: Annotated[
        str,
        typer.Option(help="The query. Every kind of event is a view, e.g. batch_stats; SHOW TABLES lists them."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per row.")] = False,
) -> None:
    """Ask SQL of the events of one or several runs, with DuckDB."""
    from esper.cli.console.tables import reading
    from esper.export.sql import ask

    with reading(paths) as advance:
        answer = ask(paths, sql, advance)
    if as_json:
        import json

        for row in answer.rows:
            print(json.dumps(dict(zip(answer.columns, row, strict=True)), default=str))
        return
    from rich.table import Table
    from rich.text import Text

    from esper.console import PlainConsole

    table = Table(*answer.columns, box=None, padding=(0, 2, 0, 0))
    for row in answer.rows:
        table.add_row(*(Text("--" if value is None else str(value)) for value in row))
    PlainConsole().print_whole(table)
