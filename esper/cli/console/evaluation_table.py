"""The results of an evaluation on the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.table import Table

from esper.cli.console.formatting import NOT_MEASURED, number
from esper.contracts.constants import STATIC_NAME
from esper.evaluation.intervals import FEW_UNITS
from esper.evaluation.records import ControllerResult, Difference, Estimate

_HEADINGS: Final = ("test", "iqm", "params", "FLOPs", "kept", "wasted", "reward")
_CAPTION: Final = (
    " and interquartile mean; params and FLOPs (per sample) that growing added; kept and wasted: seeds per episode "
    "that were fossilised, and that were not"
)
_PRICED_HEADINGS: Final = ("test", "worth", "params", "kept", "reward")
_PRICED_CAPTION: Final = (
    "; worth: test minus the price of the params, with its interval; params: that growing added; kept: seeds per "
    "episode that were fossilised"
)


def figures_table(results: Sequence[ControllerResult]) -> Table:
    """A table of what each controller reached and what it took, with one row per controller.

    Where size has a price, the worth takes the place of iqm, FLOPs and wasted, because a terminal has no room for all.
    """
    first = results[0]
    priced = first.worth is not None
    table = _table(
        f"{first.preset}: {len(first.seeds)} seeds, {first.episodes} episodes of {first.epochs} epochs each",
        f"test: mean in percent [95 % interval, {_unit(len(first.seeds))}]{_PRICED_CAPTION if priced else _CAPTION}",
    )
    for heading in _PRICED_HEADINGS if priced else _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        table.add_row(_name(result), *(_cells(result) if result.worth is None else _priced_cells(result, result.worth)))
    return table


def _cells(result: ControllerResult) -> tuple[str, ...]:
    return (
        _estimate(result.test_accuracy),
        number(result.test_accuracy.iqm, 1),
        f"+{number(result.parameters_added.mean, 0)}",
        f"+{_short(result.flops.mean - result.host_flops)}",
        number(result.fossilized.mean, 1),
        number(result.wasted.mean, 1),
        number(result.reward.mean, 1),
    )


def _priced_cells(result: ControllerResult, worth: Estimate) -> tuple[str, ...]:
    return (
        _estimate(result.test_accuracy),
        _estimate(worth),
        f"+{number(result.parameters_added.mean, 0)}",
        number(result.fossilized.mean, 1),
        number(result.reward.mean, 1),
    )


def differences_table(results: Sequence[ControllerResult]) -> Table:
    """A table of each controller against the host that never grows, and against one as large as what it grew."""
    settings = {result.matched.setting for result in results if result.matched is not None}
    size = f"; size: {' or '.join(sorted(settings))}, which gives it so many params" if settings else ""
    table = _table(
        "Differences in test accuracy",
        f"points, with the 95 % interval over paired episodes, {_unit(len(results[0].seeds))}; same size: the static "
        "host whose parameter "
        f"count is nearest to the controller's mean, trained for the same steps{size}",
    )
    for heading in ("vs static", "size", "params", "its test", "vs same size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        if result.controller == STATIC_NAME:
            continue
        matched = result.matched
        table.add_row(
            _name(result),
            _difference(result.against_static),
            NOT_MEASURED if matched is None else str(matched.value),
            NOT_MEASURED if matched is None else number(matched.parameters, 0),
            NOT_MEASURED if matched is None else number(matched.test_accuracy.mean, 1),
            _difference(result.against_matched),
        )
    return table


def _table(title: str, caption: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=title, caption=caption, caption_justify="left")
    table.add_column("controller", no_wrap=True)
    return table


def against_table(results: Sequence[ControllerResult], *, worth: bool = False) -> Table:
    """A table of each controller (row) against each other one (column).

    worth: whether they are compared in worth, which all of them must have, or in test accuracy.
    """
    table = _table(
        f"Row minus column in {'worth' if worth else 'test accuracy'}",
        f"points, with the 95 % interval over paired episodes, {_unit(len(results[0].seeds))}",
    )
    for result in results:
        table.add_column(result.controller, justify="right")
    for result in results:
        found = {one.controller: one.worth if worth else one.difference for one in result.against}
        table.add_row(
            _name(result),
            *("" if other is result else _difference(found[other.controller], "\n") for other in results),
        )
    return table


def _unit(seeds: int) -> str:
    """The units over which an interval is taken, with a warning if they are too few for it to say much."""
    if seeds < FEW_UNITS:
        return f"over only {seeds} seed{'s' if seeds > 1 else ''}: take at least {FEW_UNITS} (--seeds)"
    return f"over the {seeds} seeds"


def _estimate(found: Estimate) -> str:
    mean = number(found.mean, 1)
    if found.low is None or found.high is None:
        return mean
    return f"{mean} [{number(found.low, 1)} {number(found.high, 1)}]"


def _difference(difference: Difference | None, gap: str = " ") -> str:
    if difference is None:
        return NOT_MEASURED
    mean = f"{difference.mean:+.1f}"
    if difference.low is None or difference.high is None:
        return mean
    return f"{mean}{gap}[{difference.low:+.1f} {difference.high:+.1f}]"


def _short(value: float) -> str:
    """A large number, in few characters.

    >>> _short(0), _short(4608), _short(2.5e7)
    ('0', '4.6k', '25.0M')
    """
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f}{letter}"
    return f"{value:.0f}"


def _name(result: ControllerResult) -> str:
    return result.controller if result.decisions is None else f"{result.controller} {result.decisions}"
