"""The Line API base of the panels: rows of styled text, of which only changed ones are drawn again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from esper_tui.widgets.ascii import to_ascii
from esper_tui.widgets.text import EMPTY, Line, Role, cut_line


class LinePanel(Widget):
    """Shows lines. show() compares them with what is on screen and repaints the rows that differ.

    A subclass gives the lines to show() whenever its figures changed, and in resized() when its size did.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line--cursor", *(f"line--{role.value}" for role in Role)}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._strips: dict[int, Strip] = {}
        self._role_styles: dict[Role, Style] = {}
        self._blank: Style | None = None
        self._write: Callable[[str], str] | None = None
        self._highlighted: int | None = None
        self._titled: tuple[str, str, int] | None = None
        self.rows_drawn = 0

    @property
    def lines(self) -> tuple[Line, ...]:
        """What the panel shows."""
        return self._lines

    def show(self, lines: Sequence[Line], *, highlighted: int | None = None) -> None:
        """Show these lines, one of them on the cursor's background; rows that did not change are left alone."""
        old, new = self._lines, tuple(lines)
        self._lines = new
        changed = {
            row
            for row in range(max(len(old), len(new)))
            if (old[row] if row < len(old) else EMPTY) != (new[row] if row < len(new) else EMPTY)
        }
        if highlighted != self._highlighted:
            changed.update(row for row in (highlighted, self._highlighted) if row is not None)
            self._highlighted = highlighted
        for row in changed:
            self._strips.pop(row, None)
        if changed and self.is_mounted:
            width = self.size.width
            self.refresh(*(Region(0, row, width, 1) for row in changed))

    def set_title(self, left: str, right: str) -> None:
        """Write both words on the upper border, the right one at its end if there is room."""
        width = self.size.width
        if self._titled == (left, right, width):
            return
        self._titled = (left, right, width)
        gap = width - cell_len(left) - cell_len(right) - 6
        dashes = f" {'─' * gap} " if right and gap >= 1 else ""
        write = self._writer()
        words = (write(left), (write(dashes), "$border-line"), write(right) if dashes else "")
        self.border_title = Content.assemble(*words)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Without the one that looks for colours of the terminal's palette: the style sheet gives none."""
        return [one for one in super().get_line_filters() if not isinstance(one, ANSIToTruecolor)]

    def resized(self) -> None:
        """Called when the panel has a new size; a subclass lays its lines out again."""

    def on_resize(self) -> None:
        self._strips.clear()
        self.resized()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()
        self._role_styles.clear()
        self._blank = self._write = None

    def render_line(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None:
            self.rows_drawn += 1
            strip = self._make_strip(self._lines[y] if y < len(self._lines) else EMPTY)
            if y == self._highlighted:
                background = Style(bgcolor=self.get_component_rich_style("line--cursor").bgcolor)
                strip = Strip(Segment.apply_style(strip, post_style=background), strip.cell_length)
            self._strips[y] = strip
        return strip

    def _make_strip(self, pieces: Line) -> Strip:
        width, write = self.size.width, self._writer()
        segments: list[Segment] = []
        used = 0
        for role, spans in groupby(cut_line(pieces, width), key=lambda span: span.role):
            text = write("".join(span.text for span in spans))
            segments.append(Segment(text, self._style(role)))
            used += cell_len(text)
        if used < width:
            if self._blank is None:  # Textual works this out anew each time that it is asked.
                self._blank = self.rich_style
            segments.append(Segment(" " * (width - used), self._blank))
        return Strip(segments, width)

    def _writer(self) -> Callable[[str], str]:
        """What puts text into the terminal's encoding."""
        if self._write is None:
            self._write = to_ascii if self.app.has_class("-ascii") else str
        return self._write

    def _style(self, role: Role) -> Style:
        style = self._role_styles.get(role)
        if style is None:
            style = self.get_component_rich_style(f"line--{role.value}")
            self._role_styles[role] = style
        return style
