"""A table lays out the rows in sight and no others, however many there are."""

from __future__ import annotations

from textual.app import App, ComposeResult

from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.text import Line, line

ENVS = 100_000


class Tabled(App[None]):
    CSS = "LineTable { height: 12; border: none; }"

    def compose(self) -> ComposeResult:
        yield LineTable()


async def test_only_rows_in_sight_are_laid_out() -> None:
    app, laid_out = Tabled(), list[int]()

    def cells(place: int) -> Line:
        laid_out.append(place)
        return line(f"env {place}")

    async with app.run_test(size=(40, 12)):
        table = app.query_one(LineTable)
        laid_out.clear()
        table.show_rows(line("title"), range(7, 7 + ENVS), cells)
        assert laid_out == list(range(11))
        laid_out.clear()
        table.move_cursor(ENVS)
        assert laid_out == list(range(ENVS - 11, ENVS))
        assert table.cursor_key == 7 + ENVS - 1
