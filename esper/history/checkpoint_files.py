"""Checkpoints on the disk, which are written whole or not at all, and checked when they are opened.

A checkpoint is a directory such as `round-000020` with the tensors (state.safetensors) and the manifest
(manifest.json). It is written beside its place and then moved there. Only after that, `latest` is changed to name it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.contracts.files import read_file
from esper.errors import CheckpointError, RecordError
from esper.history.codec import manifest_from_document, manifest_to_json, manifest_version
from esper.history.disk import sync_to_disk
from esper.history.json_text import parse_json_object, quoted
from esper.history.migrations import manifest_from_1
from esper.history.records import CHECKPOINT_VERSION
from esper.history.run_directory import CHECKPOINTS
from esper.history.sealing import is_sealed, seal, unseal
from esper.training.checkpoint_records import CheckpointManifest, TrainerCheckpoint

STATE_FILE: Final = "state.safetensors"
MANIFEST_FILE: Final = "manifest.json"
LATEST_FILE: Final = "latest"
OLDEST_CHECKPOINT: Final = 1
FIRST_SEALED_CHECKPOINT: Final = 2
"""The first version whose manifests carry a checksum; `latest` gives the manifest's digest from then on."""

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
        (beside / MANIFEST_FILE).write_text(seal(manifest_to_json(manifest)) + "\n", encoding="utf-8")
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
        CheckpointError: there is none, it is damaged, or a newer version of the format wrote it.
    """
    place = _resolve(Path(path))
    manifest = _read_manifest(place)
    _check_state(place, manifest)
    return SavedCheckpoint(path=place, manifest=manifest)


def _read_manifest(place: Path) -> CheckpointManifest:
    path = place / MANIFEST_FILE
    text = _read(path)
    try:
        document = parse_json_object(unseal(text) if is_sealed(text) else text)
        version = manifest_version(document)
        if not OLDEST_CHECKPOINT <= version <= CHECKPOINT_VERSION:
            raise CheckpointError(
                f"{place} has schema version {version}: this version of esper reads {OLDEST_CHECKPOINT} to "
                f"{CHECKPOINT_VERSION}; load it with the version that wrote it (package_version in its manifest)"
            )
        if is_sealed(text) != (version >= FIRST_SEALED_CHECKPOINT):
            raise CheckpointError(f"{path} has version {version} and another's checksum: it is damaged")
        return manifest_from_document(manifest_from_1(document) if version == 1 else document)
    except RecordError as error:
        raise CheckpointError(f"{path} is no manifest: {error}; {_others(place)}") from error


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
    digest = hashlib.sha256((parent / name / MANIFEST_FILE).read_bytes()).hexdigest()
    beside.write_text(f"{name}\nsha256 {digest}\n", encoding="utf-8")
    sync_to_disk(beside)
    beside.replace(parent / LATEST_FILE)
    sync_to_disk(parent)


def _resolve(path: Path) -> Path:
    if not path.is_dir():
        raise CheckpointError(f"there is no directory {path}: {_REMEDY}")
    if (path / MANIFEST_FILE).exists() or (path / STATE_FILE).exists():
        return path
    parent = path / CHECKPOINTS if (path / CHECKPOINTS).is_dir() else path
    pointer = parent / LATEST_FILE
    there = sorted(item.name for item in parent.glob("round-*"))
    if not pointer.exists():
        if not there:
            raise CheckpointError(f"{path} has no checkpoint (a run writes one after its last round): {_REMEDY}")
        return parent / there[-1]  # The process died between moving it into its place and naming it.
    return _named_by(pointer, there)


def _named_by(pointer: Path, there: Sequence[str]) -> Path:
    """The checkpoint that `latest` names, if its manifest is the one that was named. Version 1 gave no digest."""
    name, _, digest = _read(pointer).decode(errors="replace").strip().partition("\n")
    if name not in there:
        raise CheckpointError(f"{pointer} names {quoted(name)}, which is not there; {_offer(there)}")
    place = pointer.parent / name
    sealed = is_sealed(_read(place / MANIFEST_FILE))
    expected = f"sha256 {hashlib.sha256(_read(place / MANIFEST_FILE)).hexdigest()}" if sealed else ""
    if digest != expected:
        raise CheckpointError(
            f"{pointer} names {name} with another manifest than {place / MANIFEST_FILE}: one of them is damaged; "
            f"{_others(place)}"
        )
    return place


def _check_state(place: Path, manifest: CheckpointManifest) -> None:
    state = _read(place / STATE_FILE)
    if len(state) != manifest.state_bytes:
        raise CheckpointError(
            f"{place / STATE_FILE} has {len(state):,} bytes of {manifest.state_bytes:,}: it was cut off; "
            f"{_others(place)}"
        )
    if hashlib.sha256(state).hexdigest() != manifest.state_sha256:
        raise CheckpointError(f"{place / STATE_FILE} is not what was written: it is damaged; {_others(place)}")


def _read(path: Path) -> bytes:
    try:
        return read_file(path, most=None)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); {_others(path.parent)}") from error


def _others(place: Path) -> str:
    """The remedy for a damaged checkpoint: the other checkpoints beside it."""
    return _offer(sorted(item.name for item in place.parent.glob("round-*") if item != place))


def _offer(names: Sequence[str]) -> str:
    return f"use another checkpoint of the run: {', '.join(names)}" if names else "the run has no other checkpoint"
