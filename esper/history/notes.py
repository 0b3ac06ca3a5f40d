"""What people remember about a run: a note, tags and bookmarks, in notes.json beside the log and never in it.

Whoever changes them reads the file, changes it and puts it in place under a lock of the run's directory, so that the
cockpit and the command line can both do so at once. Nothing that trains, resumes or repairs a run looks at them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from esper.contracts.files import read_file
from esper.errors import ConfigError, HistoryError, RecordError
from esper.history.codec import record_from_json, record_to_json
from esper.history.disk import sync_to_disk
from esper.history.sealing import seal, unseal
from esper.telemetry.bounds import LONGEST_TEXT, Seq

NOTES_FILE: Final = "notes.json"
LONGEST_TAG: Final = 40
MOST_BOOKMARKS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """A moment of a run.

    seq: the number of the last event that has happened then. Should the run go on from an earlier checkpoint, that
        number belongs to another event.
    text: what is remembered about it; may be empty.
    """

    seq: Seq
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNotes:
    """What is remembered about a run.

    tags: in alphabetical order.
    bookmarks: in the order of the events, one per event.
    """

    note: str = ""
    tags: tuple[str, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()

    def with_note(self, text: str) -> RunNotes:
        """The same with another note.

        Raises:
            ConfigError: it is too long.
        """
        return replace(self, note=_short_enough(text))

    def with_tag(self, tag: str) -> RunNotes:
        """The same with a tag more.

        Raises:
            ConfigError: it is not a word, or too long.
        """
        if not tag or len(tag) > LONGEST_TAG or any(not one.isprintable() or one in " ," for one in tag):
            raise ConfigError(
                f"{tag[:80]!r} cannot be a tag: use a word of 1 to {LONGEST_TAG} characters without spaces and commas"
            )
        return replace(self, tags=tuple(sorted({*self.tags, tag})))

    def without_tag(self, tag: str) -> RunNotes:
        """The same without a tag.

        Raises:
            ConfigError: the run has no such tag.
        """
        if tag not in self.tags:
            there = f"it has {', '.join(self.tags)}" if self.tags else "it has no tags"
            raise ConfigError(f"the run has no tag {tag[:80]!r}: {there}")
        return replace(self, tags=tuple(one for one in self.tags if one != tag))

    def with_bookmark(self, seq: int, text: str = "") -> RunNotes:
        """The same with a bookmark more, or with another text for the one that is there.

        Raises:
            ConfigError: the text is too long, or there are too many.
        """
        others = tuple(one for one in self.bookmarks if one.seq != seq)
        if len(others) >= MOST_BOOKMARKS:
            raise ConfigError(f"the run has {MOST_BOOKMARKS:,} bookmarks, which is the most: remove one first")
        bookmarks = (*others, Bookmark(seq=seq, text=_short_enough(text)))
        return replace(self, bookmarks=tuple(sorted(bookmarks, key=lambda one: one.seq)))

    def without_bookmark(self, seq: int) -> RunNotes:
        """The same without the bookmark at an event.

        Raises:
            ConfigError: there is none.
        """
        if not any(one.seq == seq for one in self.bookmarks):
            raise ConfigError(f"the run has no bookmark at event {seq}")
        return replace(self, bookmarks=tuple(one for one in self.bookmarks if one.seq != seq))


def read_notes(run: Path) -> RunNotes:
    """What is remembered about a run; nothing if nobody has noted anything.

    Raises:
        HistoryError: the file is damaged or cannot be read.
    """
    path = run / NOTES_FILE
    try:
        return record_from_json(unseal(read_file(path)), RunNotes)
    except FileNotFoundError:
        return RunNotes()
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from error
    except RecordError as error:
        raise HistoryError(f"{path}: {error}; remove the file to start with empty notes") from error


def change_notes(run: Path, change: Callable[[RunNotes], RunNotes]) -> RunNotes:
    """Change what is remembered about a run, and return it. Others who do so at the same time wait.

    Raises:
        HistoryError: the file is damaged, or cannot be written.
        ConfigError: the change is refused.
    """
    try:
        with _held(run):
            notes = change(read_notes(run))
            _write(run, notes)
    except OSError as error:
        raise HistoryError(f"{run / NOTES_FILE} cannot be written: {error.strerror or error}") from error
    return notes


@contextmanager
def _held(run: Path) -> Generator[None]:
    """A lock of the directory itself, which has nothing to do with that of the process that trains."""
    descriptor = os.open(run, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(run: Path, notes: RunNotes) -> None:
    """Put the file in place whole or not at all."""
    path = run / NOTES_FILE
    beside = path.with_name(f".{NOTES_FILE}.partial")
    beside.write_text(seal(record_to_json(notes)) + "\n", encoding="ascii")
    sync_to_disk(beside)
    beside.replace(path)
    sync_to_disk(run)


def _short_enough(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ConfigError(f"the text has {len(text):,} characters: {LONGEST_TEXT:,} are the most")
    return text
