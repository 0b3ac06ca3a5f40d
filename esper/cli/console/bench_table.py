"""The results of a benchmark on the console and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from esper.bench.suite import Benchmark
from esper.bench.timing import Comparison


def comparison_table(benchmark: Benchmark, results: Sequence[Comparison]) -> Table:
    """A table with one row per figure, and below it what each case did. A ratio above 1 means that ours is better."""
    first_case: dict[str, str] = {}
    for result in results:
        first_case.setdefault(result.work, result.case)
    work = [f"{case}: {told}" for told, case in first_case.items()]
    table = Table(
        title=benchmark.title, box=SIMPLE_HEAD, pad_edge=False, caption="\n".join(work), caption_justify="left"
    )
    table.add_column("case", no_wrap=True)
    for heading in (benchmark.ours, benchmark.theirs):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("spread", justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.case,
            _number(result.ours),
            _number(result.theirs),
            result.unit,
            f"{result.ratio:.2f}x",
            f"±{100 * result.spread:.0f} %",
        )
    return table


def json_line(result: Comparison) -> dict[str, str | float]:
    """The fields of a figure for scripts."""
    return {
        "bench": result.bench,
        "case": result.case,
        "ours": result.ours,
        "theirs": result.theirs,
        "unit": result.unit,
        "ratio": result.ratio,
        "spread": result.spread,
    }


def _number(value: float) -> str:
    """A number with four digits, or with its whole integer part if that is longer."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
