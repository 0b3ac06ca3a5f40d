"""SQL over recorded runs: one view per kind of event, whose columns are the fields of its record, through DuckDB."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, get_args, get_origin, get_type_hints

from esper.contracts.distribution import install_extra
from esper.errors import ConfigError
from esper.history.codec import PAYLOAD_TYPES, event_to_json
from esper.history.reader import open_events
from esper.history.run_directory import RunDirectory
from esper.telemetry.events import Event, EventKind

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Advance = Callable[[int], None]
_TELL_EVERY: Final = 1000

_ENVELOPE: Final = {
    "seq": "BIGINT",
    "time": "DOUBLE",
    "kind": "VARCHAR",
    "group_id": "VARCHAR",
    "severity": "VARCHAR",
    "rank": "BIGINT",
}
_PRIMITIVES: Final[dict[object, str]] = {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows that a query gave, under the names of their columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def ask(runs: Sequence[Path], sql: str, advance: Advance = lambda _: None) -> Answer:
    """Ask a query of the events of one or several runs.

    Every kind of event is a view with its name in lower case, for example epoch_completed. Its columns are run, seq,
    time, group_id, severity, rank and the fields of the record; a kind that never occurred has no rows.

    Raises:
        ConfigError: DuckDB is not installed, or it refuses the query.
        HistoryError: a run cannot be read.
    """
    with opened_views(runs, "esper query", advance) as connection:
        import duckdb

        try:
            result = connection.execute(sql)
            columns = tuple(str(column[0]) for column in result.description or ())
            rows = tuple(result.fetchall())
        except duckdb.Error as error:
            raise ConfigError(f"the query cannot be answered: {error}") from error
    return Answer(columns=columns, rows=rows)


@contextmanager
def opened_views(runs: Sequence[Path], purpose: str, advance: Advance) -> Generator[DuckDBPyConnection]:
    """A database with the views of some runs, for as long as the block takes.

    purpose: the command that needs it, for the message if DuckDB is missing.
    advance: called now and then with the number of bytes of the logs that were read since the last call.

    Raises:
        ConfigError: DuckDB is not installed.
        HistoryError: a run cannot be read.
    """
    try:
        import duckdb
    except ImportError as error:
        raise ConfigError(f"{purpose} needs duckdb, which is not installed: {install_extra('query')}") from error
    with tempfile.TemporaryDirectory(prefix="esper-query-") as folder, duckdb.connect() as connection:
        for kind in EventKind:
            (Path(folder) / kind.value.lower()).mkdir()
        for number, run in enumerate(runs):
            _split(RunDirectory.open(run), Path(folder), number, advance)
        _make_views(connection, Path(folder))
        yield connection


def _split(run: RunDirectory, folder: Path, number: int, advance: Advance) -> None:
    """Write the checked events of a run to one file per kind."""
    with _files(folder, f"{number}.{run.run_id}.jsonl") as files:
        for event in read_on(run, advance):
            files[event.kind].write(event_to_json(event) + "\n")


def read_on(run: RunDirectory, advance: Advance) -> Iterator[Event]:
    """The events of a run, one at a time.

    advance: called now and then with the number of bytes of the log that were read since the last call.

    Raises:
        HistoryError: the run cannot be read.
    """
    told = 0
    for event, end in open_events(run.path).lines_with_ends():
        yield event
        if event.seq % _TELL_EVERY == 0:
            advance(end - told)
            told = end


@contextmanager
def _files(folder: Path, name: str) -> Generator[dict[EventKind, TextIO]]:
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context((folder / kind.value.lower() / name).open("w", encoding="ascii"))
            for kind in EventKind
        }


def _make_views(connection: DuckDBPyConnection, folder: Path) -> None:
    for kind, record in PAYLOAD_TYPES.items():
        name = kind.value.lower()
        columns = ", ".join(f"'{key}': '{form}'" for key, form in {**_ENVELOPE, "payload": column_type(record)}.items())
        files = str(folder / name / "*.jsonl").replace("'", "''")
        connection.execute(
            f"CREATE VIEW {name} AS SELECT regexp_extract(filename, '[0-9]+\\.(.*)\\.jsonl$', 1) AS run, "
            "seq, time, group_id, severity, coalesce(rank, 0) AS rank, unnest(payload) "
            f"FROM read_json('{files}', format = 'newline_delimited', filename = true, columns = {{{columns}}})"
        )


def column_type(form: object) -> str:
    """DuckDB's type for a field.

    >>> column_type(tuple[int, ...]), column_type(float | None)
    ('BIGINT[]', 'DOUBLE')
    """
    if form in _PRIMITIVES:
        return _PRIMITIVES[form]
    if get_origin(form) is tuple:
        return f"{column_type(get_args(form)[0])}[]"
    if isinstance(form, type) and issubclass(form, Enum):
        return "VARCHAR"
    if isinstance(form, type) and is_dataclass(form):
        hints = get_type_hints(form)
        columns = [f'"{item.name}" {column_type(hints[item.name])}' for item in fields(form)]
        return f"STRUCT({', '.join(columns)})"
    inner = [one for one in get_args(form) if one is not type(None)]
    return column_type(inner[0])
