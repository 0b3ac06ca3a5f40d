"""What a checkpoint says about itself, and what the trainer hands over for one to be written.

Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.telemetry.bounds import Batch, Count, Seq
from esper.training.config import TrainingConfig

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRecord:
    """A tensor of a checkpoint.

    dtype: torch's name for it, for example float32.
    """

    name: str
    dtype: str
    shape: tuple[Count, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord:
    """A policy group of a checkpoint. The names of its tensors begin with group_id.

    blueprints: those of plug-ins, in the order of their numbers, for which the policy's heads have choices beside those
        for Esper's own.
    """

    group_id: str
    controller: str
    learns: bool
    config: TrainingConfig
    blueprints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointManifest:
    """The manifest of a checkpoint.

    config_digest: the digest of the run's config, as in the headers of its files.
    created: the time in UTC, in ISO 8601.
    last_seq: the number of the last event that belongs to the completed rounds.
    state_bytes, state_sha256: the size and the digest of the file with the tensors.
    """

    schema_version: Count
    run_id: str
    config_digest: str
    package_version: str
    created: str
    rounds_completed: Batch
    last_seq: Seq
    state_bytes: Count
    state_sha256: str
    groups: tuple[GroupRecord, ...]
    tensors: tuple[TensorRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerCheckpoint:
    """A trainer between two rounds, ready to be written.

    write_state: writes the tensors to a new file.
    """

    rounds_completed: int
    last_seq: int
    groups: tuple[GroupRecord, ...]
    tensors: tuple[TensorRecord, ...]
    write_state: Callable[[Path], None]
