"""The command `esper note`, which shows and changes what is remembered about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs

Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Add a tag. Repeatable.")]
Untags = Annotated[list[str] | None, typer.Option("--untag", metavar="TAG", help="Take a tag away. Repeatable.")]
Bookmarks = Annotated[
    list[str] | None,
    typer.Option("--bookmark", metavar="SEQ[=TEXT]", help="Mark the moment after this event. Repeatable."),
]
Forgotten = Annotated[
    list[int] | None, typer.Option("--forget", metavar="SEQ", help="Take a bookmark away. Repeatable.")
]


def note(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    text: Annotated[
        str | None, typer.Argument(help='The note, in place of the one that is there; "" for none.')
    ] = None,
    tags: Tags = None,
    untags: Untags = None,
    bookmarks: Bookmarks = None,
    forget: Forgotten = None,
) -> None:
    """Show, or change, the note, the tags and the bookmarks of a run. They are kept beside its log, never in it.

    A run that is being trained can be noted, too. `esper runs` shows tags and notes, and its --tag selects by tag.
    """
    from esper.cli.console.notes import bookmark_of, print_notes
    from esper.history.notes import RunNotes, change_notes, read_notes
    from esper.history.run_directory import RunDirectory

    path = RunDirectory.open(run).path
    marks = [bookmark_of(path, one) for one in bookmarks or ()]

    def change(notes: RunNotes) -> RunNotes:
        notes = notes if text is None else notes.with_note(text)
        for tag in tags or ():
            notes = notes.with_tag(tag)
        for tag in untags or ():
            notes = notes.without_tag(tag)
        for mark in marks:
            notes = notes.with_bookmark(mark.seq, mark.text)
        for seq in forget or ():
            notes = notes.without_bookmark(seq)
        return notes

    nothing = text is None and not (tags or untags or marks or forget)
    print_notes(read_notes(path) if nothing else change_notes(path, change))
