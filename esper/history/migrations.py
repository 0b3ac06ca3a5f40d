"""Older versions of the file format, step by step up to today's. tests/samples holds a run of each version.

Version 1 (until November 2026) had no checksums: its lines are plain documents, sequence numbers may leave gaps, and
the settings have no first line with their digest. It does not say how a run was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Final, cast

from esper.history.json_text import Document
from esper.history.records import SCHEMA_VERSION, FileKind

Step = Callable[[Document, FileKind], Document]


_ADDED_TO_1: Final[Mapping[str, Document]] = {"TRAINING_STARTED": {"blas": None, "data_digest": None}}
"""What version 2 added to the payloads of events, by kind: version 1 did not measure it."""


def _from_1(document: Document, kind: FileKind) -> Document:
    """Version 2 added checksums around the documents, and fields to some events."""
    added, payload = _ADDED_TO_1.get(str(document.get("kind")), {}), document.get("payload")
    if kind != "events" or not added or not isinstance(payload, dict):
        return document
    return document | {"payload": cast("Document", payload) | added}


STEPS: Final[Mapping[int, Step]] = {1: _from_1}
"""From each older version to the next."""

_SETTINGS_OF_1: Final[Mapping[str, object]] = {
    "run.keep_hosts": "none",
    "run.plugins": [],
    "run.sinks": [],
    "growth.op_masks": "possible",
    "fleet.control_hosts": False,
    "controller.decisions": "sampled",
    "policy.floor_anneal_episodes": 0,
}
"""What version 1 did where later versions have a setting."""


def settings_from_1(document: Document) -> Document:
    """The settings of a run of version 1, with the later settings at the values that describe what it did.

    Versions after the first write every setting, so only the first needs this.
    """
    tables = deepcopy(document)
    for key, value in _SETTINGS_OF_1.items():
        table, _, name = key.partition(".")
        inner = tables.setdefault(table, {})
        if isinstance(inner, dict):  # Anything else is refused as what it is when it is read.
            cast("Document", inner).setdefault(name, value)
    return tables


def header_from_1(document: Document) -> Document:
    """The document of a header of version 1, as today's version writes it. Any other header stays as it is."""
    header = document.get("header")
    if not isinstance(header, dict) or cast("Document", header).get("schema_version") != 1:
        return document
    return document | {"header": cast("Document", header) | {"provenance": None}}


def manifest_from_1(document: Document) -> Document:
    """The manifest of a checkpoint of version 1, with the settings of its groups as settings_from_1 gives them."""
    manifest = deepcopy(document)
    groups = manifest.get("groups")
    for group in cast("list[object]", groups) if isinstance(groups, list) else []:
        if isinstance(group, dict):
            record = cast("Document", group)
            settings = record.get("config")
            record["config"] = settings_from_1(cast("Document", settings)) if isinstance(settings, dict) else settings
    return manifest


OLDEST_VERSION: Final = min(STEPS)

FIRST_SEALED: Final = 2
"""The first version whose lines carry checksums and whose sequence numbers have no gaps."""


def migrate(document: Document, kind: FileKind, version: int) -> Document:
    """A line's document in the form that today's version gives it.

    version: the version that wrote it, from OLDEST_VERSION to SCHEMA_VERSION.
    """
    for step in range(version, SCHEMA_VERSION):
        document = STEPS[step](document, kind)
    return document
