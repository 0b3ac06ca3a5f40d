"""Writes the events of a run as tables, shows how far it has come, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import Progress
from rich.table import Table

from esper.console import PlainConsole
from esper.export.tables import TableForm, write_tables
from esper.history.run_directory import EVENTS_FILE, RunDirectory


def export_tables(run: RunDirectory, form: str, folder: Path | None) -> None:
    """Write the tables into a folder, one in the working directory if none is named, and list them.

    Raises:
        ConfigError: DuckDB is not installed, the folder exists, or it cannot be written.
        HistoryError: the run cannot be read.
    """
    target = folder or Path(f"{run.run_id}-{form}")
    with reading([run.path]) as advance:
        tables = write_tables(run.path, target, TableForm(form), advance)
    listing = Table(box=None, padding=(0, 2, 0, 0))
    listing.add_column("table")
    listing.add_column("events", justify="right")
    for table in tables:
        listing.add_row(table.path.name, f"{table.rows:,}")
    PlainConsole().print_whole(listing)
    print(target)


@contextmanager
def reading(runs: Sequence[Path]) -> Generator[Callable[[int], None]]:
    """A bar on stderr while the logs of some runs are read; gives what is to be called with the bytes that were."""
    console = PlainConsole(stderr=True)
    logs = [run / EVENTS_FILE for run in runs]
    total = sum(log.stat().st_size for log in logs if log.exists())
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("reading", total=total)
        yield lambda read: bar.advance(task, read)
