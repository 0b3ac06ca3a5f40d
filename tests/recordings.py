"""Logs that were never trained for: any events as the file that a run would have left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from esper.history.codec import event_to_json, header_to_json
from esper.history.records import SCHEMA_VERSION, FileHeader
from esper.history.sealing import seal
from esper.telemetry.events import Event


def write_log(folder: Path, events: Sequence[Event]) -> Path:
    """Write these events as the events.jsonl of a run; returns the file."""
    header = FileHeader(
        schema_version=SCHEMA_VERSION,
        run_id="r",
        config_digest="abc",
        package_version="0.1.0",
        created="2026-01-02T03:04:05+00:00",
        file="events",
        provenance=None,
    )
    log = folder / "events.jsonl"
    lines = [header_to_json(header), *map(event_to_json, events)]
    log.write_text("".join(f"{seal(line)}\n" for line in lines), encoding="ascii")
    return log
