"""The report of a run on the console, or as a page."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from esper.cli.console.run_ending import ending_text
from esper.console import PlainConsole
from esper.errors import ConfigError
from esper.export.report_page import report_page
from esper.export.report_tables import report_tables
from esper.export.run_report import RunReport, gather_report
from esper.history import open_events


def read_report(path: Path) -> tuple[RunReport, str]:
    """The report of a saved run, and the run's id. On a terminal, stderr shows that the log is being read.

    Raises:
        HistoryError: there is no run at path, or a line of it is wrong.
    """
    reader = open_events(path)
    with PlainConsole(stderr=True).status("reading the log"):
        report = gather_report(reader.lines())
    return report, reader.header.run_id


def print_report(report: RunReport, run_id: str) -> None:
    """Print a report to stdout."""
    console = PlainConsole()
    console.print(Text(run_id, style="bold"))
    console.print(_ending(report))
    for table in report_tables(report):
        console.print()
        console.print(Text(table.title, style="bold"))
        if not table.rows:
            console.print("None.")
            continue
        shown = Table(box=None, padding=(0, 2, 0, 0))
        for number, heading in enumerate(table.headings):
            shown.add_column(heading, justify="right" if number else "left")
        for row in table.rows:
            shown.add_row(*map(Text, row))
        console.print(shown)


def write_page(report: RunReport, run_id: str, target: Path) -> None:
    """Write a report as a page.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        target.write_text(report_page(report, run_id, _ending(report)), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror or error}") from error


def _ending(report: RunReport) -> str:
    if report.ended is None:
        return "The run has no end: it was cut off, or it is still running."
    return ending_text(report.ended)
