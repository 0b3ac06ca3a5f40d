"""Files of the original system on the console: read as a run, and what became of their lines."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from esper.console import PlainConsole
from esper.errors import HistoryError
from esper.history.legacy.following import FollowedOriginal
from esper.history.legacy.importing import ASIDE_FILE, ImportedRun, import_original
from esper.history.legacy.lines import original_file

LOOK_SECONDS: Final = 0.25
"""The time between two looks at a file that grows."""


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


@contextmanager
def followed(path: Path) -> Generator[Path]:
    """A run directory as it is, or a run directory that grows with the original's file at a path.

    What became of its lines is printed when the block ends.

    Raises:
        HistoryError: a line of the original's file is damaged; what came before it was shown.
    """
    file = original_file(path)
    if file is None:
        yield path
        return
    with TemporaryDirectory(prefix="esper-") as folder:
        run = Path(folder) / (file.resolve().parent.name or file.stem)
        run.mkdir()
        follower = _Following(file, run)
        follower.start()
        try:
            yield run
        finally:
            follower.stop()
        if follower.failure is not None:
            raise follower.failure
        if follower.imported is not None:
            print_counts(follower.imported, stderr=True)


class _Following(threading.Thread):
    """Looks at the original's file until its run is over.

    imported: what came of the file, once that is known.
    failure: why it could not be followed further.
    """

    def __init__(self, source: Path, run: Path) -> None:
        super().__init__(name="original", daemon=True)
        self.imported: ImportedRun | None = None
        self.failure: HistoryError | None = None
        self._followed = FollowedOriginal(source, run, run_id=run.name)
        self._source = source
        self._stopped = threading.Event()
        if self._followed.is_over:  # Then it is never shown as live.
            self.imported = self._followed.close()

    def run(self) -> None:
        if self.imported is not None:
            return
        try:
            while not self._followed.is_over and not self._stopped.wait(LOOK_SECONDS):
                self._followed.look()
            self.imported = self._followed.close()
        except HistoryError as error:
            self.failure = error
        except OSError as error:
            self.failure = HistoryError(f"{self._source} cannot be followed: {error.strerror or error}")
        finally:
            if self.imported is None:
                self._followed.abandon()

    def stop(self) -> None:
        self._stopped.set()
        self.join()


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
