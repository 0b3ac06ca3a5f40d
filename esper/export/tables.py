"""The events of a run as tables for other programs: one file per kind of event, with the columns of `esper query`."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast

from esper.errors import ConfigError
from esper.export.sql import Advance, opened_views, read_on
from esper.history.codec import event_to_json
from esper.history.json_text import Document, dump_json, parse_json_object
from esper.history.run_directory import RunDirectory
from esper.telemetry.events import EventKind

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class TableForm(StrEnum):
    """The forms in which tables can be written."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTable:
    """One file, and how many events it has."""

    path: Path
    rows: int


def write_tables(run: Path, folder: Path, form: TableForm, advance: Advance = lambda _: None) -> list[WrittenTable]:
    """Write one table for every kind of event that occurs in a run, into a new folder, all of them or none.

    advance: called now and then with the number of bytes of the log that were read since the last call.

    Raises:
        ConfigError: DuckDB is not installed, the folder exists, or it cannot be written.
        HistoryError: the run cannot be read.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists: name a new folder for the tables with --out")
    beside = folder.with_name(f".{folder.name}.partial")
    write = _write_lines if form is TableForm.JSONL else partial(_write_with_duckdb, form=form)
    try:
        beside.mkdir(parents=True)
        rows = write(run, beside, advance)
        beside.rename(folder)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return [WrittenTable(path=folder / f"{name}.{form}", rows=count) for name, count in sorted(rows.items())]


def _write_lines(run: Path, folder: Path, advance: Advance) -> Counter[str]:
    """Write JSON lines, in which numbers that JSON cannot express are spelt as in the log; returns the rows of each."""
    rows, directory = Counter[str](), RunDirectory.open(run)
    with ExitStack() as stack:
        files: dict[str, TextIO] = {}
        for event in read_on(directory, advance):
            name = event.kind.value.lower()
            if name not in files:
                files[name] = stack.enter_context((folder / f"{name}.jsonl").open("w", encoding="ascii"))
            document = parse_json_object(event_to_json(event))
            payload = cast("Document", document.pop("payload"))
            del document["kind"]
            files[name].write(dump_json({"run": directory.run_id, **document, "rank": event.rank, **payload}) + "\n")
            rows[name] += 1
    return rows


def _write_with_duckdb(run: Path, folder: Path, advance: Advance, *, form: TableForm) -> Counter[str]:
    """Write what DuckDB can write, and return the rows of each table."""
    rows = Counter[str]()
    with opened_views([run], f"--to {form}", advance) as connection:
        import duckdb

        for kind in EventKind:
            name = kind.value.lower()
            try:
                (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone() or (0,)
                if count:
                    rows[name] = count
                    _copy(connection, name, folder, form)
            except duckdb.Error as error:
                raise ConfigError(f"{folder} cannot be written: {error}") from error
    return rows


def _copy(connection: DuckDBPyConnection, view: str, folder: Path, form: TableForm) -> None:
    """Write a view. A cell of CSV that holds a list or a record holds it as JSON."""
    columns = [(str(name), str(kind)) for name, kind, *_ in connection.execute(f"DESCRIBE {view}").fetchall()]
    nested = [name for name, kind in columns if form is TableForm.CSV and ("[" in kind or "STRUCT" in kind)]
    cells = [f'to_json("{name}") AS "{name}"' if name in nested else f'"{name}"' for name, _ in columns]
    path = str(folder / f"{view}.{form}").replace("'", "''")
    connection.execute(f"COPY (SELECT {', '.join(cells)} FROM {view} ORDER BY seq) TO '{path}' ({_OPTIONS[form]})")


_OPTIONS: Final = {TableForm.PARQUET: "FORMAT parquet, COMPRESSION zstd", TableForm.CSV: "FORMAT csv, HEADER"}
