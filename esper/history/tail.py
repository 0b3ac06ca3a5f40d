"""The ends of a run's files, and single figures from them, without decoding the files in full."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from esper.contracts.files import open_file
from esper.errors import HistoryError, RecordError
from esper.history.codec import event_from_document
from esper.history.json_text import Document
from esper.history.lines import document_of, parse_header, read_header
from esper.history.run_directory import EVENTS_FILE, HISTORY_FILE
from esper.telemetry.events import Event

_BLOCK: Final = 1 << 16


def last_event(run: Path) -> Event | None:
    """The last committed event of a run, or None if it has none yet.

    Raises:
        HistoryError: there is no log, or its last line is wrong.
    """
    path = run / EVENTS_FILE
    line = last_line(path)
    if line is None:
        return None
    try:
        return event_from_document(document_of(line, "events", read_header(path, "events").schema_version))
    except RecordError as error:
        raise HistoryError(f"{path}, last line: {error}") from error


def last_line(path: Path) -> bytes | None:
    """The last committed line after the header, without its newline. A torn tail is passed over.

    Raises:
        HistoryError: the file cannot be read.
    """
    try:
        with open_file(path) as file:
            header_end = len(file.readline())
            start = file.seek(0, 2)
            text = b""
            while start > header_end and text.count(b"\n") < 2:
                size = min(_BLOCK, start - header_end)
                start -= size
                file.seek(start)
                text = file.read(size) + text
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from error
    committed = text.rpartition(b"\n")[0]
    return committed.rpartition(b"\n")[2] or None


def round_accuracies(run: Path) -> dict[int, float]:
    """The mean validation accuracy in percent of every committed round, in order.

    In a run with several groups it is the mean over the groups.

    Raises:
        HistoryError: there is no history, or a line of it is wrong.
    """
    path = run / HISTORY_FILE
    found: dict[int, list[float]] = {}
    try:
        with open_file(path) as file:
            version = parse_header(path, file.readline(), "history").schema_version
            for number, line in enumerate(file, start=2):
                if line.endswith(b"\n"):
                    batch, accuracy = _figures(path, number, line, version)
                    found.setdefault(batch, []).append(accuracy)
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from error
    return {batch: sum(values) / len(values) for batch, values in found.items()}


def _figures(path: Path, number: int, line: bytes, version: int) -> tuple[int, float]:
    """The round and its accuracy. The rest of the summary is not decoded."""
    try:
        summary = document_of(line, "history", version).get("summary")
    except RecordError as error:
        raise HistoryError(f"{path}, line {number}: {error}") from error
    if isinstance(summary, dict):
        fields = cast("Document", summary)
        batch, accuracy = fields.get("batch"), fields.get("avg_accuracy")
        if type(batch) is int and isinstance(accuracy, int | float):
            return batch, float(accuracy)
    raise HistoryError(f"{path}, line {number}: it is not the summary of a round")
