"""Grown networks on the disk: hosts/<name>/ with named tensors (host.safetensors) and a description (host.json)."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.contracts.files import read_file
from esper.errors import HistoryError, RecordError
from esper.growth.grown import GrownHost
from esper.history.codec import record_from_json, record_to_json
from esper.history.disk import sync_to_disk
from esper.history.sealing import seal, unseal
from esper.training.kept_hosts import KeptHosts

HOSTS: Final = "hosts"
TENSORS_FILE: Final = "host.safetensors"
DESCRIPTION_FILE: Final = "host.json"
HOST_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFile:
    """What host.json holds.

    schema_version: the version of this record.
    tensors_sha256: the SHA-256 of the file with the tensors, in hexadecimal.
    host: the description.
    """

    schema_version: int
    tensors_sha256: str
    host: GrownHost


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedHost:
    """A network in a run's folder."""

    path: Path
    description: GrownHost

    @property
    def tensors_path(self) -> Path:
        return self.path / TENSORS_FILE


def write_hosts(run: Path, kept: KeptHosts) -> None:
    """Write the new networks, each whole or not at all, and then remove those that no longer count.

    Raises:
        OSError: something could not be written. What was there before is still there.
    """
    parent = run / HOSTS
    parent.mkdir(exist_ok=True)
    for host in kept.new:
        beside = parent / f".{host.description.name}.partial"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        host.write_tensors(beside / TENSORS_FILE)
        digest = hashlib.sha256((beside / TENSORS_FILE).read_bytes()).hexdigest()
        record = HostFile(schema_version=HOST_VERSION, tensors_sha256=digest, host=host.description)
        (beside / DESCRIPTION_FILE).write_text(seal(record_to_json(record)) + "\n", encoding="utf-8")
        for item in (beside / TENSORS_FILE, beside / DESCRIPTION_FILE, beside):
            sync_to_disk(item)
        place = parent / host.description.name
        if place.exists():  # A run that went on from an earlier round grows the network of that round again.
            shutil.rmtree(place)
        beside.rename(place)
    sync_to_disk(parent)
    for place in parent.iterdir():
        if place.is_dir() and place.name not in kept.names:
            shutil.rmtree(place)


def list_hosts(run: Path) -> tuple[SavedHost, ...]:
    """The networks of a run, the one with the best validation accuracy first. Of equals, the smaller is first.

    Raises:
        HistoryError: one of them is damaged, or a newer version of Esper wrote it.
    """
    parent = run / HOSTS
    places = [place for place in parent.iterdir() if not place.name.startswith(".")] if parent.is_dir() else []
    saved = [open_host(place) for place in places if place.is_dir()]
    return tuple(
        sorted(saved, key=lambda one: (-one.description.validation_accuracy, one.description.parameters, one.path.name))
    )


def open_host(place: Path) -> SavedHost:
    """The network in a folder, checked against its digest.

    Raises:
        HistoryError: it is damaged, or a newer version of Esper wrote it.
    """
    path = place / DESCRIPTION_FILE
    try:
        record = record_from_json(unseal(read_file(path)), HostFile)
        digest = hashlib.sha256(read_file(place / TENSORS_FILE, most=None)).hexdigest()
    except OSError as error:
        raise HistoryError(f"{place} cannot be read: {error.strerror}") from error
    except RecordError as error:
        raise HistoryError(f"{path} is not the description of a network: {error}") from error
    if record.schema_version != HOST_VERSION:
        raise HistoryError(f"{path} has version {record.schema_version}: this version of Esper reads {HOST_VERSION}")
    if digest != record.tensors_sha256:
        raise HistoryError(f"{place / TENSORS_FILE} is damaged: it is not what {DESCRIPTION_FILE} says was written")
    return SavedHost(path=place, description=record.host)
