"""The identity of a run: every setting that decides what is computed, as one digest."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Final, cast

from esper.history.codec import document_digest
from esper.history.group_settings import GROUPS_KEY, run_document
from esper.history.json_text import Document
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec

CHANGEABLE: Final = (
    "run.rounds",
    "run.threads",
    "run.device",
    "run.devices",
    "run.checkpoint_interval",
    "run.keep_checkpoints",
    "run.keep_hosts",
    "run.plugins",
    "run.sinks",
)
"""The settings that may change when a run goes on. Every other setting decides what the run computes."""


def run_digest(config: TrainingConfig, groups: Sequence[GroupSpec] = ()) -> str:
    """The SHA-256, in hexadecimal, of the run's configuration without the settings of CHANGEABLE."""
    return identity_digest(run_document(config, groups))


def identity_digest(document: Document) -> str:
    """The same digest of a configuration in the form of config.toml."""
    rest = deepcopy(document)
    groups = cast("dict[str, Document]", rest.get(GROUPS_KEY, {}))
    for tables in (rest, *groups.values()):
        for key in CHANGEABLE:
            table, _, name = key.partition(".")
            cast("Document", tables.get(table, {})).pop(name, None)
    return document_digest(rest)
