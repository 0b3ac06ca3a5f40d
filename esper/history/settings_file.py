"""A run's config.toml: written whole with its own digest in the first line, and checked whenever it is read."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Final

import tomli_w

from esper.contracts.files import read_file
from esper.errors import HistoryError
from esper.history.codec import document_digest
from esper.history.disk import sync_to_disk
from esper.history.identity import identity_digest
from esper.history.json_text import Document
from esper.history.records import FileHeader
from esper.training.checkpoint_records import CHANGEABLE

_MARK: Final = "# The settings of one run, written by Esper. To change them, give options to `esper train`. sha256 "


def write_settings(path: Path, document: Document) -> None:
    """Write the file whole or not at all, and put it on the disk.

    Raises:
        OSError: it cannot be written.
    """
    tables = tomli_w.dumps(document)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(f"{_MARK}{_digest(tables)}\n{tables}", encoding="utf-8", newline="\n")
    sync_to_disk(beside)
    beside.replace(path)
    sync_to_disk(path.parent)


def read_settings(path: Path, *, sealed: bool) -> Document:
    """The tables of the file.

    sealed: whether the file must start with its digest, as it does from version 2 of the format on.

    Raises:
        HistoryError: it is missing, damaged, or not TOML.
    """
    try:
        text = read_file(path).decode()
    except FileNotFoundError as error:
        raise HistoryError(
            f"{path} does not exist: the run was imported from the original system, or its folder is not complete"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise HistoryError(f"{path} cannot be read: {error}") from error
    if sealed:
        first, _, tables = text.partition("\n")
        if first != f"{_MARK}{_digest(tables)}":
            raise HistoryError(f"{path} is not what was written: it was changed, cut off or damaged")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # An integer of thousands of digits is a ValueError, too.
        raise HistoryError(f"{path} is not TOML: {error}") from error


def check_identity(path: Path, document: Document, header: FileHeader) -> None:
    """Check that the settings are those of the run whose log has this header.

    path: the settings' file, for the message.

    Raises:
        HistoryError: they are another run's, or were changed.
    """
    known = (identity_digest(document), document_digest(document))  # Version 1 began with a digest of everything.
    if header.config_digest not in known[: 1 if header.schema_version > 1 else 2]:
        raise HistoryError(
            f"{path} does not have the digest {header.config_digest[:12]} that the run's log names: it was changed or "
            "belongs to another run"
        )


def check_complete(path: Path, document: Document) -> None:
    """Check that no setting is missing of those that the identity leaves out: a default would go unnoticed.

    The identity vouches for all others. A file of an earlier Esper lacks settings that came later, whose defaults mean
    what was done before they existed.

    Raises:
        HistoryError: some are missing.
    """
    missing = [key for key in CHANGEABLE if not _has(document, key)]
    if missing:
        raise HistoryError(f"{path} has no {', '.join(missing)}: it was changed or cut off")


def _has(document: Document, key: str) -> bool:
    table, _, name = key.partition(".")
    values = document.get(table)
    return isinstance(values, dict) and name in values


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
