"""One line of a run's file as a document: its length, its checksum and its version are dealt with here."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

from esper.contracts.files import open_file
from esper.errors import HistoryError, RecordError
from esper.history.codec import header_from_document
from esper.history.json_text import Document, parse_checked_object, parse_json_object
from esper.history.migrations import FIRST_SEALED, OLDEST_VERSION, header_from_1, migrate
from esper.history.records import SCHEMA_VERSION, FileHeader, FileKind
from esper.history.sealing import is_sealed, unseal

LONGEST_LINE: Final = 64 * 2**20
"""The most bytes of a line. A round of the largest fleet stays below it."""

LONGEST_UNSEALED_LINE: Final = 2**20
"""The most bytes of a line without a checksum: a parser needs many times the memory of what it is given."""


def read_line(file: BinaryIO) -> bytes:
    """The next line with its newline. What has none is the file's torn tail, or empty at its end.

    Raises:
        RecordError: the line is longer than any that Esper writes.
    """
    text = file.readline(LONGEST_LINE)
    if len(text) == LONGEST_LINE:
        raise RecordError("", text[:80], "a line", problem=f"is longer than {LONGEST_LINE:,} bytes")
    return text


def document_of(text: bytes, kind: FileKind, version: int) -> Document:
    """The document of a line, in the form of today's version.

    version: the version that wrote the line.

    Raises:
        RecordError: it is damaged, or not JSON.
    """
    if version >= FIRST_SEALED:
        return migrate(parse_checked_object(unseal(text)), kind, version)
    return migrate(_parse_unsealed(text), kind, version)


def _parse_unsealed(text: bytes) -> Document:
    if len(text) > LONGEST_UNSEALED_LINE:
        raise RecordError("", text[:80], "a line", problem=f"is longer than {LONGEST_UNSEALED_LINE:,} bytes")
    return parse_json_object(text)


def read_header(path: Path, kind: FileKind) -> FileHeader:
    """The header of a file.

    Raises:
        HistoryError: there is none, it is damaged, or another kind of file or a newer version has it.
    """
    try:
        with open_file(path) as file:
            text = file.readline(LONGEST_UNSEALED_LINE)
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from error
    return parse_header(path, text, kind)


def parse_header(path: Path, text: bytes, kind: FileKind) -> FileHeader:
    """The header that the first line of a file holds.

    path: the file, for messages.

    Raises:
        HistoryError: as for read_header.
    """
    if not text.endswith(b"\n"):
        raise HistoryError(f"{path} has no complete header line: it is empty or was cut off at its start")
    try:
        document = parse_checked_object(unseal(text)) if is_sealed(text) else _parse_unsealed(text)
        header = header_from_document(header_from_1(document))
    except RecordError as error:
        if b'"event_type"' in text and b'"event_id"' in text:
            raise HistoryError(
                f"{path} was written by the original system: `esper import {path}` makes a run directory of it"
            ) from error
        raise HistoryError(f"{path}, line 1: not a header: {error}") from error
    if not OLDEST_VERSION <= header.schema_version <= SCHEMA_VERSION:
        raise HistoryError(
            f"{path}, line 1: schema version {header.schema_version}: this version of esper reads {OLDEST_VERSION} to "
            f"{SCHEMA_VERSION}; use the version that wrote it ({header.package_version})"
        )
    if is_sealed(text) != (header.schema_version >= FIRST_SEALED):
        raise HistoryError(f"{path}, line 1: a header of version {header.schema_version} with another's checksum")
    if header.file != kind:
        raise HistoryError(f"{path}, line 1: the file holds {header.file}, not {kind}")
    return header
