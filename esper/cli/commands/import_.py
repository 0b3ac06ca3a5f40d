"""The command `esper import`, which makes a run of a file of the original system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli.run_options import RunsDir


def import_(
    file: Annotated[Path, typer.Argument(help="An events.jsonl of the original system.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run directory to make; by default, one in --runs-dir named by the time."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a file of the original system as a run directory, and say what became of its lines.

    What has no counterpart today is kept in aside.jsonl. The run can be looked at like any other, but not resumed.
    """
    from esper.cli.console.original import find_original, import_showing_progress, print_imported
    from esper.history.legacy.importing import default_name

    source = find_original(file)
    print_imported(import_showing_progress(source, out or runs_dir / default_name(source)))
