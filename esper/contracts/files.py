"""Files that somebody else may have put there: they are read if they are files, and not if they are endless."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from esper.contracts.settings import shown
from esper.errors import ConfigError

MOST_TEXT: Final = 16 * 2**20
"""The most bytes of a file of settings or descriptions; Esper's own have a few thousand."""


def user_path(text: str, key: str) -> Path:
    """The path that a setting gives, with ~ for the home folder.

    key: the setting, for the message.

    Raises:
        ConfigError: no path can be spelt like that, or there is no such user.
    """
    if "\0" in text:
        raise ConfigError(f"{key} is {shown(text)}: no path has the character NUL in it")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{key} is {shown(text)}: the home folder of this user is not known") from error


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        OSError: it cannot be opened, or it is no regular file. A pipe would keep its reader waiting for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_file(path: Path, *, most: int | None = MOST_TEXT) -> bytes:
    """The content of a file.

    most: the most bytes that it may have; None allows any number.

    Raises:
        OSError: as open_file, or the file is larger.
    """
    with open_file(path) as file:
        if most is None:
            return file.read()
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content
