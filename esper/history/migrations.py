"""Older versions of the file format, step by step up to today's. tests/samples holds a run of each version.

Version 1 (until November 2026) had no checksums: its lines are plain documents, sequence numbers may leave gaps, and
the settings have no first line with their digest. Its documents are those of version 2, but for a name and a few
fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Final, cast

from esper.history.json_text import Document
from esper.history.records import SCHEMA_VERSION, FileKind
from esper.telemetry.events import EventKind

Step = Callable[[Document, FileKind], Document]


def _from_1(document: Document, _: FileKind) -> Document:
    """Version 2 put checksums around the documents."""
    match document.get("kind"):
        case EventKind.MASK_HIT_RATES:
            return _renamed_count(document)
        case EventKind.TRAINING_ENDED:
            return _without_signal(document)
        case EventKind.LAST_ACTION:
            return _without_reasons(document)
        case _:
            return document


def _renamed_count(document: Document) -> Document:
    """The count `masked` has a name of its own."""
    changed = deepcopy(document)
    payload = changed.get("payload")
    heads = cast("Document", payload).get("heads") if isinstance(payload, dict) else None
    for head in cast("list[object]", heads) if isinstance(heads, list) else []:
        if isinstance(head, dict) and "masked" in head:  # Anything else is refused as what it is when it is read.
            record = cast("Document", head)
            record["masked_decisions"] = record.pop("masked")
    return changed


def _without_reasons(document: Document) -> Document:
    """Why ops were not legal and what each head's second choice was were not recorded."""
    payload = document.get("payload")
    if not isinstance(payload, dict):  # It is refused as what it is when it is read.
        return document
    record: Document = {"op_masks": None, **cast("Document", payload)}
    heads = record.get("heads")
    if isinstance(heads, list):
        found = cast("list[object]", heads)
        record["heads"] = [_without_second(cast("Document", one)) if isinstance(one, dict) else one for one in found]
    return {**document, "payload": record}


def _without_second(head: Document) -> Document:
    return {"second": None, "second_probability": None, **head}


def _without_signal(document: Document) -> Document:
    """Which signal ended a run was not recorded."""
    payload = document.get("payload")
    if not isinstance(payload, dict):  # It is refused as what it is when it is read.
        return document
    return {**document, "payload": {"signal": None, **cast("Document", payload)}}


STEPS: Final[Mapping[int, Step]] = {1: _from_1}
"""From each older version to the next."""

_SETTINGS_OF_1: Final[Mapping[str, object]] = {
    "run.keep_hosts": "none",
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
