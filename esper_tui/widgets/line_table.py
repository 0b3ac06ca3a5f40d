"""A table on the Line API: a fixed title row, rows with a key, and a cursor that follows its key, not its place.

Only the rows in sight are laid out, since a fleet may have a hundred thousand envs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.message import Message

from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import EMPTY, Line, Role, Span


def _no_cells(_place: int) -> Line:
    return EMPTY


class LineTable(LinePanel, can_focus=True):
    """Scrolls so that the cursor stays in sight. Posts CursorMoved when another key comes under the cursor."""

    class CursorMoved(Message):
        """Another row is under the cursor."""

        def __init__(self, key: int) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title: Line = EMPTY
        self._keys: Sequence[int] = ()
        self._cells: Callable[[int], Line] = _no_cells
        self._top = 0
        self.cursor_key: int | None = None

    def show_rows(self, title: Line, keys: Sequence[int], cells: Callable[[int], Line]) -> None:
        """Show rows under the title; the cursor starts on the first row and stays on its key.

        keys: what each row is about, in order.
        cells: gives how a row reads, from its place; called for the rows in sight.
        """
        self._title, self._keys, self._cells = title, tuple(keys), cells
        if keys and self.cursor_key not in keys:
            self._set_cursor(keys[0])
        self._redraw()

    def move_cursor(self, rows: int) -> None:
        """Move the cursor by this many rows, as far as there are rows."""
        if self._keys:
            target = min(max(self._cursor_index() + rows, 0), len(self._keys) - 1)
            self._set_cursor(self._keys[target])
            self._redraw()

    @property
    def page_rows(self) -> int:
        """Rows that fit under the title."""
        return max(1, self.size.height - 1)

    def _cursor_index(self) -> int:
        return next((index for index, key in enumerate(self._keys) if key == self.cursor_key), 0)

    def _set_cursor(self, key: int) -> None:
        if key != self.cursor_key:
            self.cursor_key = key
            self.post_message(self.CursorMoved(key))

    def _redraw(self) -> None:
        cursor, page = self._cursor_index(), self.page_rows
        self._top = min(max(self._top, cursor - page + 1), cursor)
        self._top = max(0, min(self._top, len(self._keys) - page))
        body = [
            (Span("▸" if place == cursor else " ", Role.ACCENT), *self._cells(place))
            for place in range(self._top, min(self._top + page, len(self._keys)))
        ]
        highlighted = cursor - self._top + 1 if self._keys else None
        self.show([(Span(" "), *self._title), *body], highlighted=highlighted)
        self._show_hidden_rows(page)

    def _show_hidden_rows(self, page: int) -> None:
        above, below = self._top, max(0, len(self._keys) - self._top - page)
        words = [f"↑{above}"] if above else []
        words += [f"↓{below}"] if below else []
        subtitle = f" {len(self._keys)} rows {' '.join(words)} " if words else ""
        if subtitle != (self.border_subtitle or ""):
            self.border_subtitle = subtitle

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not 1 <= offset.y <= len(self._keys) - self._top:
            return
        self._set_cursor(self._keys[self._top + offset.y - 1])
        self._redraw()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self.move_cursor(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self.move_cursor(-1)
