"""Reads the files of a data set from a folder or an archive. Nothing here needs torch."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from esper.contracts.files import open_file, read_file
from esper.contracts.text import on_one_line
from esper.errors import ConfigError

LARGEST_FILE: Final = 2**28
"""The most bytes of one file of a data set. The published ones have up to 154 million."""

CHUNK: Final = 2**20

BROKEN_ARCHIVE = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError, OverflowError)
"""The exceptions that a truncated or damaged archive causes. A ValueError comes from sizes that are no numbers."""


def read_archive_files(path: Path, archive: str, folder: str, names: Sequence[str]) -> dict[str, bytes]:
    """The named files, from a tar archive or from a folder.

    path: the archive, or a folder. The folder holds the files, or a folder of the name `folder` with the files, or the
        archive under its published name `archive`. Extracted files are preferred to an archive.

    Raises:
        ConfigError: a file is missing, or the archive is truncated or damaged.
    """
    if path.is_file():
        return _read_tar(path, names)
    for place in (path, path / folder):
        if (place / names[0]).is_file():
            return {name: _read_plain(place / name) for name in names}
    if (path / archive).is_file():
        return _read_tar(path / archive, names)
    raise ConfigError(
        f"{path} has neither {names[0]} nor {folder}/{names[0]} nor {archive}: set task.path to the archive or to the "
        "folder with the extracted files"
    )


def read_gzipped_file(folder: Path, name: str) -> bytes:
    """A file from a folder, which may be compressed as name.gz.

    Raises:
        ConfigError: there is none, or it is truncated or damaged.
    """
    if (folder / name).is_file():
        return _read_plain(folder / name)
    packed = folder / f"{name}.gz"
    if not packed.is_file():
        raise ConfigError(f"{folder} has neither {name}.gz nor {name}: set task.path to the folder with these files")
    try:
        return _decompress(packed)
    except ConfigError:  # which is a ValueError
        raise
    except BROKEN_ARCHIVE as error:
        raise _broken(packed, error) from error


def _read_plain(path: Path) -> bytes:
    try:
        return read_file(path, most=None)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): the data set needs this file") from error


def _read_tar(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The files by their names, wherever in the archive they are."""
    found: dict[str, bytes] = {}
    try:
        with _unpacked(path) as stream, tarfile.open(fileobj=_Portions(stream), mode="r:") as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in names and member.isfile():
                    if name in found:
                        raise ConfigError(f"{path} holds {name} twice: set task.path to the data set's own archive")
                    found[name] = _read_member(path, archive, member)
            _read_to_the_end(archive)
    except ConfigError:  # which is a ValueError
        raise
    except BROKEN_ARCHIVE as error:
        raise _broken(path, error) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise ConfigError(f"{path} does not hold {', '.join(missing)}: set task.path to the data set's own archive")
    return {name: found[name] for name in names}


def _unpacked(path: Path) -> BinaryIO:
    """The archive without its compression, which its first bytes tell."""
    with open_file(path) as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(path))
    if start.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(path))
    return cast(BinaryIO, lzma.open(path)) if start == b"\xfd7zXZ\x00" else open_file(path)


class _Portions(io.BufferedIOBase):
    """A stream that gives no more at once than a file of a data set has.

    A header of a tar archive can claim to be gigabytes long, and tarfile would read it whole.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any stream.

        Raises:
            ValueError: it is too much at once.
        """
        if size is None or not 0 <= size <= LARGEST_FILE:
            raise ValueError(f"a part of it claims to be larger than {LARGEST_FILE:,} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _read_member(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The content of a regular file of the archive."""
    if member.size > LARGEST_FILE or member.issparse():
        raise ConfigError(
            f"{path} holds {member.name[:80]!r} with {member.size:,} bytes, more than any file of a data set: set "
            "task.path to the data set's own archive"
        )
    content = archive.extractfile(member)
    assert content is not None  # A regular file has content.
    return content.read()


def _read_to_the_end(archive: tarfile.TarFile) -> None:
    """Read what follows the archive's end mark, because the checksum of the compression stands behind it."""
    assert archive.fileobj is not None
    while archive.fileobj.read(CHUNK):
        pass


def _decompress(packed: Path) -> bytes:
    """The content of a gzip file, checked against its checksum.

    Raises:
        ConfigError: it is longer than any file of a data set.
    """
    with gzip.open(packed) as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ConfigError(
            f"{packed} unpacks to more than {LARGEST_FILE:,} bytes: set task.path to the data set's own files"
        )
    return content


def _broken(path: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{path} is truncated or damaged ({on_one_line(str(error))}): delete it and fetch it again")
