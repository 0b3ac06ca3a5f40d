"""Puts files on the disk, so that a power cut does not take them."""

from __future__ import annotations

import errno
import os
from pathlib import Path


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
