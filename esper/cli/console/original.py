"""Files of the original system on the console: read as a run, and what became of their lines."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from esper.console import PlainConsole
from esper.errors import HistoryError
from esper.history.legacy.importing import ASIDE_FILE, ImportedRun, import_original
from esper.history.legacy.lines import original_file


@contextmanager
def opened(path: Path) -> Generator[tuple[Path, ImportedRun | None]]:
    """A run directory or an events.jsonl of ours as it is, or the original's file as a run directory for a while.

    Raises:
        HistoryError: a line of the original's file is damaged.
    """
    file = original_file(path)
    if file is None:
        yield path, None
        return
    with TemporaryDirectory(prefix="esper-") as folder:
        name = file.resolve().parent.name or file.stem
        imported = import_showing_progress(file, Path(folder) / name)
        yield imported.path, imported


def import_showing_progress(source: Path, target: Path) -> ImportedRun:
    """Import a file of the original, with a bar on stderr meanwhile.

    Raises:
        HistoryError: a line of the file is damaged, or the directory exists or cannot be written.
    """
    console = PlainConsole(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(f"reading {source.name}", total=source.stat().st_size)
        return import_original(
            source, target, run_id=target.name, advance=lambda read: bar.update(task, completed=read)
        )


def find_original(path: Path) -> Path:
    """The events.jsonl of the original that is at a path, or in the directory there.

    Raises:
        HistoryError: there is none.
    """
    if not path.exists():
        raise HistoryError(f"{path} does not exist: give the path of an events.jsonl of the original system")
    file = original_file(path)
    if file is None:
        raise HistoryError(
            f"{path} is not an events.jsonl of the original system: its first line is none of its events"
        )
    return file


def print_counts(imported: ImportedRun, *, stderr: bool = False) -> None:
    """Say how many lines of each type the file has, and what became of them."""
    console = PlainConsole(stderr=stderr)
    dialect = imported.dialect
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("in the original's file")
    table.add_column("lines", justify="right")
    table.add_column("became")
    for (label, kind), count in dialect.became.items():
        table.add_row(Text(label), f"{count:,}", Text(kind.value))
    for (label, reason), count in dialect.aside.items():
        table.add_row(Text(label), f"{count:,}", Text(f"kept aside: {reason}"))
    console.print_whole(table)
    console.print(totals(imported), soft_wrap=True)


def totals(imported: ImportedRun) -> str:
    """The counts in one sentence."""
    aside, read = imported.dialect.aside.total(), imported.dialect.read.total()
    text = f"{read:,} lines: {read - aside:,} have a counterpart today, {aside:,} were kept aside."
    return f"{text} The file ends in an unfinished line, which was left out." if imported.torn_tail else text


def print_imported(imported: ImportedRun) -> None:
    """Report an import, with the run directory on a last line of its own."""
    print_counts(imported)
    rounds = "1 round" if imported.rounds == 1 else f"{imported.rounds} rounds"
    print(f"The history has {rounds}.")
    if imported.dialect.aside:
        print(f"The lines that were kept aside are in {ASIDE_FILE}.")
    print(imported.path)
