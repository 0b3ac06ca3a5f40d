"""The command `esper report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run directory, or an events.jsonl, also of the original system.")],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report to this file as one self-contained page.")
    ] = None,
) -> None:
    """Report what came of a run: accuracy, outcomes, best hosts, ops, blueprints, alerts and times."""
    from esper.cli.console.original import opened
    from esper.cli.console.report import print_report, read_report, write_page

    with opened(run) as (path, _):
        gathered, run_id = read_report(path)
    if html is None:
        print_report(gathered, run_id)
    else:
        write_page(gathered, run_id, html)
        print(html)
