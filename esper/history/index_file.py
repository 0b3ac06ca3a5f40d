"""The index of a log as a file beside it: events.jsonl has events.index.

It holds nothing that the log does not hold. One that is damaged, or that belongs to another state of the log, is passed
over as if it were not there, and is written anew when the log has been read. The first line is a header in JSON, the
columns follow as they are in memory.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO, Final

from esper.contracts.files import open_file
from esper.errors import RecordError
from esper.history.codec import record_from_json, record_to_json
from esper.history.event_index import KINDS, EventIndex

FORMAT: Final = 1
_LONGEST_HEADER: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexHeader:
    """What the columns are, and of which log.

    events: how many the index has.
    bytes: how far into the log they reach.
    first_line, last_line: the CRC-32 of the log's header and of the last line that the index has.
    kinds: what the codes of kinds stand for, in order.
    sizes: the bytes of each column.
    crc: the CRC-32 of the columns.
    """

    format: int
    byteorder: str
    events: int
    bytes: int
    first_line: int
    last_line: int
    kinds: tuple[str, ...]
    sizes: tuple[int, ...]
    crc: int


def index_path(log: Path) -> Path:
    """Where the index of a log is."""
    return log.with_suffix(".index")


def save_index(log: Path, index: EventIndex) -> None:
    """Write the index of a log whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    columns = [memoryview(column).cast("B") for column in _columns(index)]  # Copies of a long index would be large.
    crc = 0
    for column in columns:
        crc = zlib.crc32(column, crc)
    with open_file(log) as file:
        first, last = _edges(file, index)
    header = IndexHeader(
        format=FORMAT,
        byteorder=sys.byteorder,
        events=len(index),
        bytes=index.ends[-1],
        first_line=first,
        last_line=last,
        kinds=tuple(kind.value for kind in KINDS),
        sizes=tuple(map(len, columns)),
        crc=crc,
    )
    beside = log.with_name(f".{index_path(log).name}.partial")
    with beside.open("wb") as file:
        file.write(record_to_json(header).encode() + b"\n")
        file.writelines(columns)
    beside.replace(index_path(log))


def load_index(log: Path) -> EventIndex | None:
    """The index of a log, or None if there is none that fits it.

    The log may have grown since; the index then has its beginning.

    Raises:
        OSError: the log cannot be read.
    """
    try:
        with open_file(index_path(log)) as file:
            header = record_from_json(file.readline(_LONGEST_HEADER), IndexHeader)
            body = memoryview(file.read())
    except (OSError, RecordError):
        return None
    index = EventIndex()
    if not _fits(header, index, body):
        return None
    start = 0
    for column, size in zip(_columns(index), header.sizes, strict=True):
        _extend(column, body[start : start + size])
        start += size
    with open_file(log) as file:
        same_log = index.ends[-1] == header.bytes and _edges(file, index) == (header.first_line, header.last_line)
    return index if same_log else None


def _columns(index: EventIndex) -> list[array[int] | array[float] | bytearray]:
    return [getattr(index, field.name) for field in fields(index)]


def _extend(column: array[int] | array[float] | bytearray, data: memoryview) -> None:
    if isinstance(column, bytearray):
        column += data
    else:
        column.frombytes(data)


def _fits(header: IndexHeader, empty: EventIndex, body: memoryview) -> bool:
    """Whether this version of Esper wrote the columns for such a machine, and they are whole."""
    columns = _columns(empty)
    if (header.format, header.byteorder, header.kinds) != (FORMAT, sys.byteorder, tuple(kind.value for kind in KINDS)):
        return False
    if len(header.sizes) != len(columns) or sum(header.sizes) != len(body) or zlib.crc32(body) != header.crc:
        return False
    widths = [1 if isinstance(column, bytearray) else column.itemsize for column in columns]
    per_event = [size // width for size, width in zip(header.sizes, widths, strict=True)][:-2]
    return header.events > 0 and set(per_event) == {header.events}


def _edges(file: BinaryIO, index: EventIndex) -> tuple[int, int]:
    """The CRC-32 of the log's first line, and of the last line that the index has."""
    first = file.readline()
    start = index.ends[-2] if len(index) > 1 else len(first)
    file.seek(start)
    return zlib.crc32(first), zlib.crc32(file.read(index.ends[-1] - start))
