"""Checkpoints on the disk, which are written whole or not at all, and checked when they are opened.

A checkpoint is a directory such as `round-000020` with the tensors (state.safetensors) and the manifest
(manifest.json). It is written beside its place and then moved there. Only after that, `latest` is changed to name it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.errors import ConfigError, RecordError
from esper.history.codec import manifest_from_json, manifest_to_json, manifest_version
from esper.history.records import CHECKPOINT_VERSION
from esper.history.run_directory import CHECKPOINTS
from esper.training.checkpoint_records import CheckpointManifest, TrainerCheckpoint

STATE_FILE: Final = "state.safetensors"
MANIFEST_FILE: Final = "manifest.json"
LATEST_FILE: Final = "latest"
_REMEDY: Final = "give a run directory that has a checkpoint, or the directory of a checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCheckpoint:
    """A checkpoint whose files are whole."""

    path: Path
    manifest: CheckpointManifest

    @property
    def state_path(self) -> Path:
        return self.path / STATE_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """What a manifest says about its run.

    created: the time in UTC, in ISO 8601.
    """

    run_id: str
    config_digest: str
    package_version: str
    created: str


def write_checkpoint(parent: Path, checkpoint: TrainerCheckpoint, identity: RunIdentity) -> Path:
    """Write a checkpoint into the directory parent, and let `latest` name it.

    Raises:
        OSError: it could not be written. An earlier checkpoint then is still the latest.
    """
    path = parent / f"round-{checkpoint.rounds_completed:06d}"
    beside = parent / f".{path.name}.partial"
    replaced = parent / f".{path.name}.replaced"
    for leftover in (beside, replaced):  # of a writer that died
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        beside.mkdir()
        checkpoint.write_state(beside / STATE_FILE)
        state = (beside / STATE_FILE).read_bytes()
        manifest = _manifest(checkpoint, identity, state)
        (beside / MANIFEST_FILE).write_text(manifest_to_json(manifest) + "\n", encoding="utf-8")
        for item in (beside / STATE_FILE, beside / MANIFEST_FILE, beside):
            sync_to_disk(item)
        if path.exists():  # the round was saved before, by a run that went on from an earlier one
            path.rename(replaced)
        beside.rename(path)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    point_to(parent, path.name)
    shutil.rmtree(replaced, ignore_errors=True)
    return path


def open_checkpoint(path: Path | str) -> SavedCheckpoint:
    """Check a checkpoint and read its manifest.

    path: the checkpoint's directory, or a run's directory, which stands for the run's latest checkpoint.

    Raises:
        ConfigError: there is none, it is damaged, or another version of the format wrote it.
    """
    place = _resolve(Path(path))
    text = _read(place / MANIFEST_FILE)
    try:
        version = manifest_version(text)
        if version != CHECKPOINT_VERSION:
            raise ConfigError(
                f"{place} has schema version {version}: this version of esper reads {CHECKPOINT_VERSION}; load it with "
                "the version that wrote it (package_version in its manifest)"
            )
        manifest = manifest_from_json(text)
    except RecordError as error:
        raise ConfigError(f"{place / MANIFEST_FILE} is no manifest: {error}; {_others(place)}") from error
    _check_state(place, manifest)
    return SavedCheckpoint(path=place, manifest=manifest)


def _manifest(checkpoint: TrainerCheckpoint, identity: RunIdentity, state: bytes) -> CheckpointManifest:
    return CheckpointManifest(
        schema_version=CHECKPOINT_VERSION,
        run_id=identity.run_id,
        config_digest=identity.config_digest,
        package_version=identity.package_version,
        created=identity.created,
        rounds_completed=checkpoint.rounds_completed,
        last_seq=checkpoint.last_seq,
        state_bytes=len(state),
        state_sha256=hashlib.sha256(state).hexdigest(),
        groups=checkpoint.groups,
        tensors=checkpoint.tensors,
    )


def point_to(parent: Path, name: str) -> None:
    """Replace `latest` in one step, after the checkpoint is in its place on the disk."""
    sync_to_disk(parent)
    beside = parent / f".{LATEST_FILE}.partial"
    beside.write_text(name + "\n", encoding="utf-8")
    sync_to_disk(beside)
    beside.replace(parent / LATEST_FILE)
    sync_to_disk(parent)


def sync_to_disk(path: Path) -> None:
    """Let the operating system put a file, or the names in a directory, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise  # some file systems cannot sync a directory, and then there is nothing to wait for
    finally:
        os.close(descriptor)


def _resolve(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigError(f"there is no directory {path}: {_REMEDY}")
    if (path / MANIFEST_FILE).exists() or (path / STATE_FILE).exists():
        return path
    parent = path / CHECKPOINTS if (path / CHECKPOINTS).is_dir() else path
    pointer = parent / LATEST_FILE
    if not pointer.is_file():
        raise ConfigError(f"{path} has no checkpoint (a run writes one after its last round): {_REMEDY}")
    name = _read(pointer).decode(errors="replace").strip()
    place = parent / name
    there = sorted(item.name for item in parent.glob("round-*"))
    if name not in there:
        raise ConfigError(f"{pointer} names {name!r}, which is not there; {_offer(there)}")
    return place


def _check_state(place: Path, manifest: CheckpointManifest) -> None:
    state = _read(place / STATE_FILE)
    if len(state) != manifest.state_bytes:
        raise ConfigError(
            f"{place / STATE_FILE} has {len(state):,} bytes of {manifest.state_bytes:,}: it was cut off; "
            f"{_others(place)}"
        )
    if hashlib.sha256(state).hexdigest() != manifest.state_sha256:
        raise ConfigError(f"{place / STATE_FILE} is not what was written: it is damaged; {_others(place)}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); {_others(path.parent)}") from error


def _others(place: Path) -> str:
    """The remedy for a damaged checkpoint: the other checkpoints beside it."""
    return _offer(sorted(item.name for item in place.parent.glob("round-*") if item != place))


def _offer(names: list[str]) -> str:
    return f"use another checkpoint of the run: {', '.join(names)}" if names else "the run has no other checkpoint"
