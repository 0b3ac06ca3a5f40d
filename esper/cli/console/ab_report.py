"""The end of `esper ab`: in what the two groups of a recorded run differ, as a table or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from esper.cli.console.formatting import NOT_MEASURED, number
from esper.console import PlainConsole
from esper.contracts.student import CONFIDENCE
from esper.evaluation.paired import PairedDifference, PairedSummary, Scope, compare
from esper.evaluation.statistics import Spread
from esper.history import RunDirectory, read_history
from esper.history.group_settings import changed_keys, group_changes
from esper.history.json_text import dump_json
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec

HEADINGS = {Scope.LAST_ROUND: "last round", Scope.ALL_ROUNDS: "mean over {rounds} rounds"}


def print_comparison(path: Path, *, as_json: bool) -> None:
    """Print the paired summary of a run with two groups to stdout.

    Raises:
        HistoryError, ConfigError: the run's files cannot be read.
    """
    directory = RunDirectory.open(path)
    config, (first, second) = directory.load_config(), directory.load_groups()
    summary = compare(read_history(path), (first.group_id, second.group_id))
    if summary is None:
        print("esper: no round was completed, so there is nothing to compare", file=sys.stderr)
    elif as_json:
        print(dump_json(comparison_document(summary, path, config, (first, second))))
    else:
        console = PlainConsole()
        for spec in (first, second):
            console.print(f"{spec.group_id}: {_settings(config, spec)}", markup=False, soft_wrap=True)
        console.print(comparison_table(summary))
        for note in _notes(first, second):
            console.print(note, markup=False)


def comparison_table(summary: PairedSummary) -> Table:
    """A table with one row per measure, first for the last round and then for the mean over rounds."""
    first, second = summary.groups
    table = Table(
        title=f"{second} against {first}: {summary.envs} paired envs, {summary.rounds} rounds",
        caption=(
            f"mean ± standard deviation over envs; interval of the mean difference: {100 * CONFIDENCE:.0f} %, "
            "Student's t over the env pairs of this one training; * = zero lies outside"
        ),
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for heading in (first, second, f"{second} - {first}", "interval"):
        table.add_column(heading, justify="right")
    for scope in Scope:
        table.add_row(HEADINGS[scope].format(rounds=summary.rounds), style="bold")
        for row in summary.rows:
            if row.scope is scope:
                table.add_row(*_cells(row))
        table.add_section()
    return table


def comparison_document(
    summary: PairedSummary, path: Path, config: TrainingConfig, groups: tuple[GroupSpec, GroupSpec]
) -> dict[str, object]:
    """The summary for scripts. Numbers are not rounded. null means not measured, or too few envs."""
    return {
        "run": str(path),
        "groups": {spec.group_id: dict(changed_keys(group_changes(config, spec))) for spec in groups},
        "rounds": summary.rounds,
        "envs": summary.envs,
        "confidence": CONFIDENCE,
        "measures": [_json_row(row, summary.groups) for row in summary.rows],
    }


def _json_row(row: PairedDifference, groups: tuple[str, str]) -> dict[str, object]:
    interval = row.interval
    return {
        "measure": row.measure.name,
        "scope": row.scope.value,
        "pairs": row.pairs,
        **{
            group_id: None if spread is None else {"mean": spread.mean, "std": spread.std}
            for group_id, spread in zip(groups, (row.first, row.second), strict=True)
        },
        "difference": row.difference,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
    }


def _cells(row: PairedDifference) -> tuple[str, ...]:
    digits = row.measure.decimals
    label = row.measure.label + (f", {row.measure.unit}" if row.measure.unit else "")
    return (
        label,
        _spread(row.first, digits),
        _spread(row.second, digits),
        _signed(row.difference, digits),
        _range(row),
    )


def _spread(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return NOT_MEASURED
    return f"{number(spread.mean, digits)} ± {number(spread.std, digits)}"


def _range(row: PairedDifference) -> str:
    if row.interval is None:
        return NOT_MEASURED
    low, high = (_signed(value, row.measure.decimals) for value in (row.interval.low, row.interval.high))
    return f"{low} .. {high}{' *' if row.interval.excludes_zero else '  '}"


def _signed(value: float | None, digits: int) -> str:
    return NOT_MEASURED if value is None else f"{value:+,.{digits}f}"


def _settings(config: TrainingConfig, spec: GroupSpec) -> str:
    changes = changed_keys(group_changes(config, spec))
    return "  ".join(f"{key}={value}" for key, value in changes) or "as the preset"


def _notes(first: GroupSpec, second: GroupSpec) -> list[str]:
    """What the reader must know before trusting a row."""
    if first.config.reward == second.config.reward:
        return []
    return ["The groups' rewards are computed differently and have different units; compare accuracies and parameters."]
