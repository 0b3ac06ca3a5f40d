"""The one console class, and text from elsewhere made safe to print.

Names come from recordings, plug-ins and folders. They are shown as they are: brackets are not markup, and a control
code that could move the cursor, recolour the screen or forge a line is shown as an escape sequence.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table

from esper.contracts.text import printable


class PlainConsole(Console):
    """A rich console that takes text literally and reports a broken pipe like any other failed write.

    rich itself ends the process when the reader of a pipe leaves; a run must not end because nobody reads its progress.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        """A console on stdout, or on stderr."""
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        """Leave the decision to whoever prints.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich renders it, with control codes in texts escaped."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n" or segment.text.isprintable():
                yield segment
            else:
                lines = segment.text.split("\n")
                yield Segment("\n".join(map(printable, lines)), segment.style)

    def print_whole(self, table: Table) -> None:
        """Print a table with every cell on one line, past the edge of a narrow terminal.

        Names are there to be copied. What is printed later may be as wide.
        """
        options = self.options.update(max_width=_WIDEST)
        width = Measurement.get(self, options, table).maximum
        self.width = max(width, self.width)
        self.print(table)


_WIDEST = 10_000
