"""The note, the tags and the bookmarks of a run on the console."""

from __future__ import annotations

from pathlib import Path

from esper.console import PlainConsole
from esper.errors import ConfigError
from esper.history.notes import Bookmark, RunNotes
from esper.history.tail import last_event


def bookmark_of(run: Path, text: str) -> Bookmark:
    """The bookmark that SEQ or SEQ=TEXT asks for.

    Raises:
        ConfigError: it is not a number of an event that the run has.
        HistoryError: the end of the run's log cannot be read.
    """
    number, _, about = text.partition("=")
    if not (number.isascii() and number.isdecimal()) or len(number) > 16:
        raise ConfigError(f"--bookmark {text[:80]}: write the number of an event, or SEQ=TEXT")
    last = last_event(run)
    if last is None or not 1 <= int(number) <= last.seq:
        there = "there are none yet" if last is None else f"the newest is {last.seq}"
        raise ConfigError(f"--bookmark {number}: the run has no event of this number: {there}")
    return Bookmark(seq=int(number), text=about)


def print_notes(notes: RunNotes) -> None:
    """Print what is remembered about a run."""
    if notes == RunNotes():
        print("Nothing was noted about this run.")
        return
    console = PlainConsole()
    if notes.note:
        console.print(notes.note, soft_wrap=True, highlight=False)
    if notes.tags:
        console.print(f"tags: {', '.join(notes.tags)}", soft_wrap=True, highlight=False)
    for mark in notes.bookmarks:
        about = f": {mark.text}" if mark.text else ""
        console.print(f"event {mark.seq:,}{about}", soft_wrap=True, highlight=False)
