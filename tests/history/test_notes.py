"""Notes, tags and bookmarks beside a run: kept whole, changed by several at once, and no part of the record."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from esper.errors import ConfigError, HistoryError
from esper.history.notes import Bookmark, RunNotes, change_notes, read_notes
from esper.history.run_list import RunState, listed_run


def test_a_run_without_notes_has_empty_ones(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == RunNotes()


def test_what_was_noted_is_read_back(tmp_path: Path) -> None:
    change_notes(tmp_path, lambda notes: notes.with_note("ümläut [bold]\nsecond line").with_tag("b").with_tag("a"))
    change_notes(tmp_path, lambda notes: notes.with_bookmark(9, "late").with_bookmark(2).with_tag("a"))
    assert read_notes(tmp_path) == RunNotes(
        note="ümläut [bold]\nsecond line",
        tags=("a", "b"),
        bookmarks=(Bookmark(seq=2, text=""), Bookmark(seq=9, text="late")),
    )


def test_a_bookmark_stands_once_and_can_be_taken_away() -> None:
    notes = RunNotes().with_bookmark(5, "one").with_bookmark(5, "two")
    assert notes.bookmarks == (Bookmark(seq=5, text="two"),)
    assert notes.without_bookmark(5) == RunNotes()
    with pytest.raises(ConfigError, match="no bookmark at event 6"):
        notes.without_bookmark(6)


@pytest.mark.parametrize("tag", ["", "two words", "a,b", "x" * 41, "tab\t", "escape\x1b[0m"])
def test_what_is_no_word_is_no_tag(tag: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a tag"):
        RunNotes().with_tag(tag)


def test_a_tag_that_is_not_there_cannot_go() -> None:
    with pytest.raises(ConfigError, match="no tag 'c': it has a, b"):
        RunNotes().with_tag("a").with_tag("b").without_tag("c")


def test_changes_at_the_same_time_all_count(tmp_path: Path) -> None:
    def mark(first: int) -> None:
        for seq in range(first, first + 10):
            change_notes(tmp_path, partial(RunNotes.with_bookmark, seq=seq))

    threads = [threading.Thread(target=mark, args=(1 + 10 * one,)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.seq for one in read_notes(tmp_path).bookmarks] == list(range(1, 41))


def test_damaged_notes_are_said_so_and_the_run_is_still_listed(finished_log: Path) -> None:
    change_notes(finished_log, lambda notes: notes.with_tag("keep"))
    assert listed_run(finished_log).tags == ("keep",)
    path = finished_log / "notes.json"
    path.write_text(path.read_text().replace("keep", "kept"))
    with pytest.raises(HistoryError, match="does not fit the text: it is damaged; remove the file"):
        change_notes(finished_log, lambda notes: notes.with_tag("more"))
    listed = listed_run(finished_log)
    assert listed.state is RunState.ENDED
    assert listed.problem is not None
    assert "notes.json" in listed.problem


@pytest.fixture
def finished_log(tmp_path: Path) -> Path:
    import shutil

    return shutil.copytree(Path(__file__).parents[1] / "samples" / "version-2", tmp_path / "run")
