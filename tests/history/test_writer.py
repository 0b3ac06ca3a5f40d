"""The record cannot vanish unnoticed, and it reaches the disk whatever the clocks say."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from esper.history.writer import FlushTimer, LineFile


def opened(tmp_path: Path) -> LineFile:
    file = LineFile(tmp_path / "lines", new=True)
    file.append("one")
    file.sync()
    return file


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    opened(tmp_path).close()
    again = LineFile(tmp_path / "lines", new=False)
    again.append("two")
    again.close()
    assert (tmp_path / "lines").read_text() == "one\ntwo\n"
    with pytest.raises(FileExistsError):
        LineFile(tmp_path / "lines", new=True)


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.rename(path.with_name("old"))
    path.write_text("one\n")


def truncate(path: Path) -> None:
    path.write_text("")


def add(path: Path) -> None:
    with path.open("a") as file:
        file.write("forged\n")


@pytest.mark.parametrize(
    ("meddle", "said"),
    [(delete, "deleted"), (replace, "replaced"), (truncate, "changed it"), (add, "changed it")],
)
def test_meddling_is_noticed_at_the_next_sync(meddle: object, said: str, tmp_path: Path) -> None:
    file = opened(tmp_path)
    assert callable(meddle)
    meddle(tmp_path / "lines")
    file.append("two")
    with pytest.raises(OSError, match=said):
        file.sync()


def test_held_lines_reach_the_file_without_another_event(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "lines", new=True)
    timer = FlushTimer(file, seconds=0.01)
    file.append("held")
    for _ in range(500):
        if (tmp_path / "lines").read_text() == "held\n":
            break
        time.sleep(0.01)
    timer.stop()
    assert (tmp_path / "lines").read_text() == "held\n"
