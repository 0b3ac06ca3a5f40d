"""Saved runs: written as they happen, and read back as typed records.

`read_events` and `read_history` return the records of a run. Importing this room does not load torch.
"""

from esper.errors import HistoryError, RecordError
from esper.history.reader import (
    iterate_events,
    open_events,
    read_events,
    read_history,
    read_run_events,
    read_run_history,
)
from esper.history.recording import Recording, open_recording, package_version
from esper.history.records import EventLog, FileHeader, HistoryLine, HistoryLog
from esper.history.run_directory import RunDirectory
from esper.history.writer import HistoryWriter

__all__ = [
    "EventLog",
    "FileHeader",
    "HistoryError",
    "HistoryLine",
    "HistoryLog",
    "HistoryWriter",
    "RecordError",
    "Recording",
    "RunDirectory",
    "iterate_events",
    "open_events",
    "open_recording",
    "package_version",
    "read_events",
    "read_history",
    "read_run_events",
    "read_run_history",
]
