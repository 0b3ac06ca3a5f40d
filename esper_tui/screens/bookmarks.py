"""The bookmarks of a run, in the order of its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from esper.history.notes import Bookmark
from esper_tui.screens.sizing import CockpitModal
from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.text import Line, dim, label, line, pad_left

HINT = "d remove · Enter go there · Esc close"


def bookmark_row(bookmark: Bookmark) -> Line:
    """Which event, and what was noted."""
    text = bookmark.text or "no text"
    return line(label(f"event {pad_left(f'{bookmark.seq:,}', 11)}  "), text if bookmark.text else dim(text))


class BookmarkScreen(CockpitModal[Bookmark | None]):
    """Enter closes it with the bookmark at the cursor.

    remove: takes one away, and returns those that are left.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,apostrophe", "dismiss", "close"),
        Binding("d", "remove", "remove"),
        Binding("enter", "go", "go there"),
        Binding("j,down", "move(1)", "down"),
        Binding("k,up", "move(-1)", "up"),
    ]

    def __init__(self, bookmarks: Sequence[Bookmark], *, remove: Callable[[Bookmark], Sequence[Bookmark]]) -> None:
        super().__init__()
        self._bookmarks = bookmarks
        self._remove = remove

    def compose(self) -> ComposeResult:
        with Vertical(id="alert-list", classes="dialog") as dialog:
            dialog.border_title = "BOOKMARKS"
            dialog.border_subtitle = HINT
            yield LineTable(id="bookmark-rows")

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        count = len(self._bookmarks)
        words = f"{count} in this run" if count else "there is none yet: b marks a moment"
        self.query_one(LineTable).show_rows(line(dim(words)), range(count), self._row)

    def _row(self, place: int) -> Line:
        return bookmark_row(self._bookmarks[place])

    def _chosen(self) -> Bookmark | None:
        key = self.query_one(LineTable).cursor_key
        return self._bookmarks[key] if key is not None and key < len(self._bookmarks) else None

    def action_move(self, rows: int) -> None:
        self.query_one(LineTable).move_cursor(rows)

    def action_remove(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._bookmarks = self._remove(chosen)
            self._show()

    def action_go(self) -> None:
        self.dismiss(self._chosen())
