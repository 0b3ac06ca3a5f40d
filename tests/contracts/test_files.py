"""Only regular files of a bounded size are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from esper.contracts.files import open_file, read_file, user_path
from esper.errors import ConfigError


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"four")
    assert read_file(tmp_path / "file", most=4) == b"four"
    assert read_file(tmp_path / "file", most=None) == b"four"
    with open_file(tmp_path / "file") as file:
        assert file.readline() == b"four"


def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="no regular file"):
            read_file(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OSError, match="more than 16,777,216 bytes"):
        read_file(tmp_path / "sparse")


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "said"), [("~nobody-of-that-name/x", "the home folder of this user is not known"), ("a\0b", "NUL")]
)
def test_a_path_that_nothing_can_have_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^task.path is .*{said}"):
        user_path(text, "task.path")
    assert user_path("~/x", "task.path") == Path.home() / "x"
