"""The lines of the original's events.jsonl: the envelope that all events share, around a payload of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from esper.errors import HistoryError, RecordError
from esper.history.json_text import Document, parse_python_object, quoted
from esper.history.legacy.fields import Fields
from esper.history.lines import LONGEST_UNSEALED_LINE, read_line
from esper.history.run_directory import EVENTS_FILE
from esper.telemetry.events import Severity

SNAPSHOT = "ANALYTICS_SNAPSHOT"
"""The type of events that have one of several contents, which `data.kind` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyLine:
    """One event of the original.

    label: its type and, for a snapshot, the kind of its content: ANALYTICS_SNAPSHOT/last_action.
    time: seconds since the Unix epoch.
    epoch: that of the envelope, which counts different things for different types.
    text: the line itself.
    """

    label: str
    time: float
    group_id: str
    severity: Severity
    seed_id: str | None
    epoch: int | None
    message: str
    data: Fields
    text: bytes


def original_file(path: Path) -> Path | None:
    """The events.jsonl of the original that is at a path, or in the directory there. None if none is.

    Raises:
        HistoryError: the file cannot be read.
    """
    file = path / EVENTS_FILE if path.is_dir() else path
    if not file.is_file():
        return None
    try:
        with file.open("rb") as opened:
            return file if is_original_line(opened.readline(LONGEST_UNSEALED_LINE)) else None
    except OSError as error:
        raise HistoryError(f"{file} cannot be read: {error.strerror}") from error


def is_original_line(text: bytes) -> bool:
    """Whether a line is an event of the original."""
    try:
        document = parse_python_object(text)
    except RecordError:
        return False
    return {"event_id", "event_type", "timestamp", "data"} <= document.keys()


def original_lines(path: Path, file: BinaryIO, *, first: int = 1) -> Iterator[LegacyLine]:
    """The committed lines from where the file stands. It then stands at the start of its torn tail, or at its end.

    path: the file's name, for messages.
    first: the number of the next line.

    Raises:
        HistoryError: a line is damaged; the message names file and line.
    """
    number = first
    while True:
        start = file.tell()
        try:
            text = read_line(file)
            if not text.endswith(b"\n"):
                file.seek(start)
                return
            line = parse_line(text)
        except RecordError as error:
            raise HistoryError(f"{path}, line {number}: {error}") from error
        number += 1
        yield line


def parse_line(text: bytes) -> LegacyLine:
    """The event that a line holds.

    Raises:
        RecordError: it is damaged.
    """
    if len(text) > LONGEST_UNSEALED_LINE:
        raise RecordError("", text[:80], "a line", problem=f"is longer than {LONGEST_UNSEALED_LINE:,} bytes")
    document = parse_python_object(text)
    envelope, data = Fields(document, ""), Fields(document, "").table("data")
    label = envelope.text("event_type")
    if label == SNAPSHOT:
        label = f"{SNAPSHOT}/{data.text('kind')}"
    return LegacyLine(
        label=label,
        time=_time(envelope),
        group_id=envelope.text("group_id"),
        severity=_severity(document),
        seed_id=envelope.maybe_text("seed_id"),
        epoch=envelope.maybe_integer("epoch"),
        message=envelope.maybe_text("message") or "",
        data=data,
        text=text,
    )


def _time(envelope: Fields) -> float:
    text = envelope.text("timestamp")
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise RecordError(
            "timestamp", text, "a time", problem=f"is {quoted(text)}: expected a time in ISO 8601"
        ) from None


def _severity(document: Document) -> Severity:
    value = document.get("severity")
    for severity in Severity:
        if severity.value == value:
            return severity
    expected = f"one of {', '.join(Severity)}"
    raise RecordError("severity", value, expected, problem=f"is {quoted(value)}: expected {expected}")
