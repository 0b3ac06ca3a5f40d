"""The trials of a sweep on the console and in files."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping, Sequence
from io import StringIO

import numpy as np
from rich import box
from rich.table import Table

from esper.cli.console.formatting import NOT_MEASURED, number
from esper.sweep.records import SweepOrder, TrialReport, TrialState


def trials_table(order: SweepOrder, reports: Sequence[TrialReport]) -> Table:
    """A table with one row per trial, in the order of the reports."""
    keys = [text.partition("=")[0] for text in order.searched]
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"{len(reports)} trials of {order.seeds} {'seed' if order.seeds == 1 else 'seeds'}",
        caption=(
            "accuracy: rolling validation accuracy at the end of a run in percent, mean ± standard deviation over the "
            "trial's seeds; test: accuracy of the last round, which decided nothing"
        ),
        caption_justify="left",
    )
    table.add_column("trial", justify="right")
    for heading in ("accuracy", "test", *keys):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for report in reports:
        chosen = settings_of(report)
        table.add_row(
            str(report.number),
            _accuracy(report),
            NOT_MEASURED if report.test_accuracy is None else number(report.test_accuracy, 1),
            *(short(chosen.get(key, NOT_MEASURED)) for key in keys),
            "" if report.state is TrialState.FINISHED else report.state.value,
        )
    return table


def importance_line(importances: Mapping[str, float]) -> str:
    """Which settings mattered most."""
    parts = [f"{key} {100 * part:.0f} %" for key, part in importances.items()]
    return f"What mattered (PED-ANOVA): {', '.join(parts)}"


def best_line(reports: Sequence[TrialReport], preset: str) -> str | None:
    """The command that trains with the best settings; None if no trial is finished."""
    best = next((report for report in reports if report.state is TrialState.FINISHED), None)
    if best is None:
        return None
    return f"esper train --preset {preset} " + " ".join(f"--set {shlex.quote(text)}" for text in best.settings)


def reports_to_csv(order: SweepOrder, reports: Sequence[TrialReport]) -> str:
    """A header and one row per trial. What was not measured is an empty cell."""
    keys = [text.partition("=")[0] for text in order.searched]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "accuracy", "test_accuracy", "seconds", *keys])
    for report in reports:
        chosen = settings_of(report)
        writer.writerow(
            [report.number, report.state.value, report.value, report.test_accuracy, report.seconds]
            + [chosen.get(key) for key in keys]
        )
    return text.getvalue()


def settings_of(report: TrialReport) -> dict[str, str]:
    """What was chosen, by setting."""
    return {key: value for key, _, value in (text.partition("=") for text in report.settings)}


def short(value: str) -> str:
    """A value in few characters.

    >>> short("0.00012345678"), short("shaped"), short("16")
    ('0.0001235', 'shaped', '16')
    """
    if "." not in value and "e" not in value:
        return value
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return value


def _accuracy(report: TrialReport) -> str:
    if report.value is None:
        return NOT_MEASURED
    mean = number(report.value, 1)
    if len(report.by_seed) < 2 or report.state is not TrialState.FINISHED:
        return mean
    return f"{mean} ± {float(np.std(report.by_seed, ddof=1)):.1f}"
