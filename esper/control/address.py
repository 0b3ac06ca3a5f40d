"""Where the control socket of a run is.

It is `control.sock` in the run's directory. The address of a socket may have about a hundred bytes, and some file
systems hold no sockets. In both cases the socket is in a short private directory, and `control.path` in the run's
directory says where.
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from esper.contracts.files import read_file

SOCKET_FILE: Final = "control.sock"
PATH_FILE: Final = "control.path"
LONGEST_ADDRESS: Final = 100
"""The most bytes of an address that every system accepts: Linux allows 107, macOS 103."""

_PRIVATE: Final = "esper-control-"
_OWNER_ONLY: Final = 0o600


def find_socket(run: Path) -> Path:
    """Where the socket of a run is, if it has one.

    Raises:
        OSError: the file that says so cannot be read.
    """
    folder = run.resolve()
    try:
        return Path(read_file(folder / PATH_FILE).decode(errors="surrogateescape").rstrip("\n"))
    except FileNotFoundError:
        return folder / SOCKET_FILE


def open_socket(run: Path) -> socket.socket:
    """A socket that listens for the owner of this process and for nobody else. The caller holds the run's lock.

    Raises:
        OSError: this system has no place for one.
    """
    remove_socket(run)
    folder = run.resolve()
    try:
        return _listen_at(folder / SOCKET_FILE)
    except OSError:  # The address is too long, or the file system holds no sockets.
        pass
    place = Path(tempfile.mkdtemp(prefix=_PRIVATE)) / "s"
    try:
        listener = _listen_at(place)
        (folder / PATH_FILE).write_text(f"{place}\n", encoding="utf-8", errors="surrogateescape")
    except OSError:
        place.unlink(missing_ok=True)
        place.parent.rmdir()
        raise
    return listener


def remove_socket(run: Path) -> None:
    """Remove what a process left that listened for this run, alive or dead. The caller holds the run's lock."""
    folder = run.resolve()
    with suppress(OSError):
        place = find_socket(run)
        if place.parent.name.startswith(_PRIVATE) and _is_own_socket(place):
            place.unlink()
            place.parent.rmdir()
    for name in (SOCKET_FILE, PATH_FILE):
        with suppress(OSError):
            (folder / name).unlink()


def _listen_at(place: Path) -> socket.socket:
    """Nobody can connect before the socket belongs to its owner alone, because it does not listen until then."""
    if len(os.fsencode(place)) > LONGEST_ADDRESS:
        raise OSError(f"{place} is too long for the address of a socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(place))
        place.chmod(_OWNER_ONLY)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _is_own_socket(place: Path) -> bool:
    """A run's directory may come from elsewhere, and must not make this process remove anything but a socket."""
    found = place.lstat()
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()
