"""The folder in which compiled kernels are kept, and the rules for loading anything from it.

A library is machine code that this process will run. It is loaded only from a folder and a file that belong to this
user and that nobody else can write, and only if its bytes are those that were once compiled: their digest lies beside
it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import Final, cast

import platformdirs

from esper.contracts.files import read_file

_DIGEST_SUFFIX: Final = ".sha256"
_FAILURE_SUFFIX: Final = ".failed.json"
_FAILURE_SECONDS: Final = 24 * 3600.0
"""How long a failure is believed. A compiler may have run out of time or space only because the machine was busy."""


def cache_folder() -> Path:
    """Where compiled kernels and measured choices are kept, for example ~/.cache/esper."""
    return Path(platformdirs.user_cache_dir("esper"))


def folders() -> list[Path]:
    """Where libraries may lie, best first: the user's cache, then a folder of this user among the temporary ones."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    wanted = (cache_folder() / "kernels", Path(tempfile.gettempdir()) / f"esper-kernels-{user}")
    return [folder for folder in wanted if _is_private_folder(folder)]


def load(name: str) -> ctypes.CDLL | None:
    """A library that was kept under this name, or None if there is none that can be trusted and loaded."""
    for folder in folders():
        library = _load_file(folder / name)
        if library is not None:
            return library
    return None


def keep_and_load(built: Path, name: str) -> ctypes.CDLL:
    """Keep a library that was just compiled in the first folder from which it can be loaded.

    Raises:
        OSError: it cannot be loaded from anywhere.
    """
    content = built.read_bytes()
    for folder in folders():
        try:
            _write(folder / name, content)
            _write((folder / name).with_suffix(_DIGEST_SUFFIX), _digest(content).encode())
        except OSError:
            continue
        library = _load_file(folder / name)
        if library is not None:
            return library
    return _load_bytes(content)


def failure(name: str, situation: str) -> str | None:
    """Why compiling this library failed the last time, if that was within a day and in the same situation."""
    for folder in folders():
        file = (folder / name).with_suffix(_FAILURE_SUFFIX)
        try:
            if time.time() - file.stat().st_mtime > _FAILURE_SECONDS:
                continue
            entry: object = json.loads(read_file(file))
        except (OSError, ValueError):
            continue
        if isinstance(entry, dict):
            record = cast("dict[str, object]", entry)
            if record.get("situation") == situation and isinstance(record.get("reason"), str):
                return str(record["reason"])
    return None


def remember_failure(name: str, situation: str, reason: str) -> None:
    """Keep the reason, so that no process of the next day tries in vain."""
    content = json.dumps({"situation": situation, "reason": reason}, indent=1).encode()
    for folder in folders():
        try:
            _write((folder / name).with_suffix(_FAILURE_SUFFIX), content)
        except OSError:
            continue
        return


def _is_private_folder(folder: Path) -> bool:
    """Whether the folder is this user's own; it is made, and closed to others, if it is not there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return _is_own(folder)


def _is_own(path: Path) -> bool:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return False
    if stat.S_ISLNK(found.st_mode):
        return False
    return not hasattr(os, "getuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)


def _load_file(path: Path) -> ctypes.CDLL | None:
    if not _is_own(path):
        return None
    try:
        content = path.read_bytes()
        wanted = path.with_suffix(_DIGEST_SUFFIX).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    if _digest(content) != wanted:
        return None
    try:
        return ctypes.CDLL(str(path))
    except OSError:  # for example a folder on a file system mounted noexec
        try:
            return _load_bytes(content)
        except OSError:
            return None


def _load_bytes(content: bytes) -> ctypes.CDLL:
    """Load a library from memory, for machines on which no folder may hold programs."""
    if not hasattr(os, "memfd_create"):
        raise OSError("no folder of this machine may hold programs")
    descriptor = os.memfd_create("esper-kernels")
    with os.fdopen(descriptor, "wb", closefd=False) as memory:
        memory.write(content)
    # The descriptor stays open: the loader takes a second library with the same number for the first.
    return ctypes.CDLL(f"/proc/self/fd/{descriptor}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Written beside, synced and moved into place, so that no other process sees half of it."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
