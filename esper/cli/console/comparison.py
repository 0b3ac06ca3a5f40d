"""Runs side by side on the console, or as JSON lines."""

from __future__ import annotations

import sys

from rich.table import Table
from rich.text import Text

from esper.cli.console.formatting import NOT_MEASURED, number
from esper.console import PlainConsole
from esper.evaluation.comparing import TITLES, BandPoint, Comparison
from esper.evaluation.comparison_picture import label_of
from esper.evaluation.intervals import FEW_UNITS
from esper.history.json_text import dump_json


def print_comparison(comparison: Comparison) -> None:
    """Print one row per number of env-epochs and one column per band. Runs that do not count are named on stderr."""
    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        title=f"{TITLES[comparison.measure]}: mean [95 % interval over seeds]",
        title_justify="left",
    )
    table.add_column("env-epochs", justify="right")
    for band in comparison.bands:
        table.add_column(Text(label_of(band)), justify="right")
    for row in zip(*(band.points for band in comparison.bands), strict=True):
        table.add_row(f"{row[0].env_epochs:,}", *map(_cell, row))
    console = PlainConsole()
    console.print_whole(table)
    if any(1 < len(band.curves) < FEW_UNITS for band in comparison.bands):
        console.print(f"With fewer than {FEW_UNITS} seeds, an interval says little.", soft_wrap=True)
    print_left_out(comparison)


def print_json(comparison: Comparison) -> None:
    """Print one JSON object per band and number of env-epochs. What is not known is null."""
    for band in comparison.bands:
        runs = [str(curve.run) for curve in band.curves]
        for point in band.points:
            interval = point.interval
            print(
                dump_json(
                    {
                        "band": band.label,
                        "measure": comparison.measure.value,
                        "env_epochs": point.env_epochs,
                        "mean": point.mean,
                        "low": None if interval is None else interval.low,
                        "high": None if interval is None else interval.high,
                        "seeds": point.runs,
                        "runs": runs,
                    }
                )
            )
    print_left_out(comparison)


def print_left_out(comparison: Comparison) -> None:
    """Name on stderr the runs that do not count."""
    for reason in comparison.left_out:
        print(f"left out: {reason}", file=sys.stderr)


def _cell(point: BandPoint) -> Text:
    if point.mean is None:
        return Text(NOT_MEASURED)
    text = number(point.mean, 2)
    if point.interval is not None:
        text += f" [{number(point.interval.low, 2)} {number(point.interval.high, 2)}]"
    return Text(text)
