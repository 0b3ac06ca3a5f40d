"""Rewrites the logs of an older version in today's form, so that a run which goes on has files of one version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from esper.history.codec import event_to_json, header_to_json, summary_to_json
from esper.history.disk import sync_to_disk
from esper.history.identity import run_digest
from esper.history.lines import read_header
from esper.history.reader import LineReader, open_events, open_history
from esper.history.records import SCHEMA_VERSION, FileHeader, HistoryLine
from esper.history.run_directory import RunDirectory
from esper.history.sealing import seal
from esper.telemetry.events import Event


def upgrade_logs(directory: RunDirectory) -> None:
    """Give both logs of a run today's version. Logs that have it stay as they are.

    Raises:
        HistoryError: a log cannot be read.
        OSError: a file cannot be written.
    """
    header = read_header(directory.events_path, "events")
    if header.schema_version == SCHEMA_VERSION:
        return
    config, groups = directory.load()
    today = replace(header, schema_version=SCHEMA_VERSION, config_digest=run_digest(config, groups))
    rewrite_log(directory.history_path, replace(today, file="history"), _summary_lines(open_history(directory.path)))
    rewrite_log(directory.events_path, today, _event_lines(open_events(directory.path)))


def _event_lines(reader: LineReader[Event]) -> Iterator[str]:
    """Version 1 may leave gaps between sequence numbers, which today's would report as loss, but no run has any."""
    return (event_to_json(event) for event in reader.lines())


def _summary_lines(reader: LineReader[HistoryLine]) -> Iterator[str]:
    return (summary_to_json(line.summary, seq=line.seq) for line in reader.lines())


def rewrite_log(path: Path, header: FileHeader, lines: Iterator[str]) -> None:
    """Write the file whole or not at all."""
    beside = path.with_name(f".{path.name}.partial")
    with beside.open("w", encoding="ascii", newline="\n") as file:
        file.write(seal(header_to_json(header)) + "\n")
        for line in lines:
            file.write(seal(line) + "\n")
    sync_to_disk(beside)
    beside.replace(path)
    sync_to_disk(path.parent)
