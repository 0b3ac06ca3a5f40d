"""The records of a run's files that are not telemetry: headers, history lines, and the results of reading a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from esper.history.provenance import Provenance
from esper.telemetry.bounds import Count
from esper.telemetry.events import Event
from esper.training.vectorized_types import BatchSummary

SCHEMA_VERSION: Final = 2
"""The version of the file format. It is raised if a reader of the previous version could misread a file."""

CHECKPOINT_VERSION: Final = 2
"""The version of the format of checkpoints."""

FileKind = Literal["events", "history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """The first line of a JSONL file.

    config_digest: the SHA-256 of the settings that make the run what it is (see identity.run_digest).
    created: the time in UTC, in ISO 8601.
    provenance: how the run was made when it began; None in files of version 1 and in imported ones.
    """

    schema_version: Count
    run_id: str
    config_digest: str
    package_version: str
    created: str
    file: FileKind
    provenance: Provenance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One line of history.jsonl.

    seq: the number of the last event that was written before it.
    """

    seq: Count
    summary: BatchSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLog:
    """A whole events.jsonl.

    torn_tail: the file ends in an unfinished line, which was left out.
    """

    header: FileHeader
    events: tuple[Event, ...]
    torn_tail: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLog:
    """A whole history.jsonl.

    torn_tail: the file ends in an unfinished line, which was left out.
    """

    header: FileHeader
    lines: tuple[HistoryLine, ...]
    torn_tail: bool
