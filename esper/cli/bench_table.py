"""How a benchmark's results look on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from esper.bench.timing import Comparison


def comparison_table(title: str, ours: str, theirs: str, results: Sequence[Comparison]) -> Table:
    """One row per case. ours, theirs: headings of the two sides. Ratio above 1: ours is better."""
    table = Table(title=title)
    table.add_column("case")
    for heading in (ours, theirs):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    table.add_column("ratio", justify="right")
    table.add_column("spread", justify="right")
    for result in results:
        table.add_row(
            result.case,
            f"{result.ours:,.0f}",
            f"{result.theirs:,.0f}",
            result.unit,
            f"{result.ratio:.2f}x",
            f"±{100 * result.spread:.0f} %",
        )
    return table
