"""How an evaluation looks on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from esper.cli.console.formatting import NOT_MEASURED, number
from esper.contracts.constants import STATIC_NAME
from esper.evaluation.records import ControllerResult, Difference, Spread


def figures_table(results: Sequence[ControllerResult]) -> Table:
    """What each controller reached, and what it took: one row per controller."""
    first = results[0]
    table = _table(
        f"{first.preset}: {len(first.seeds)} seeds, {first.episodes} episodes of {first.epochs} epochs each",
        "mean ± standard deviation over episodes; test in percent; params and FLOPs (per sample) that growing added; "
        "kept and wasted: seeds per episode that were fossilised, and that were not",
    )
    for heading in ("test", "params", "FLOPs", "kept", "wasted", "reward"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.controller,
            _spread(result.test_accuracy),
            f"+{number(result.parameters_added.mean, 0)}",
            f"+{_short(result.flops.mean - result.host_flops)}",
            number(result.fossilized.mean, 1),
            number(result.wasted.mean, 1),
            _spread(result.reward),
        )
    return table


def differences_table(results: Sequence[ControllerResult]) -> Table:
    """Each controller against the host that never grows, and against one as large as what it grew."""
    settings = {result.matched.setting for result in results if result.matched is not None}
    size = f"; size: {' or '.join(sorted(settings))}, which gives it so many params" if settings else ""
    table = _table(
        "Differences in test accuracy",
        "points, with the 95 % bootstrap interval over paired episodes; same size: the static host whose parameter "
        f"count is nearest to the controller's mean, trained for the same steps{size}",
    )
    for heading in ("vs static", "size", "params", "its test", "vs same size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        if result.controller == STATIC_NAME:
            continue
        matched = result.matched
        table.add_row(
            result.controller,
            _difference(result.against_static),
            NOT_MEASURED if matched is None else str(matched.value),
            NOT_MEASURED if matched is None else number(matched.parameters, 0),
            NOT_MEASURED if matched is None else _spread(matched.test_accuracy),
            _difference(result.against_matched),
        )
    return table


def _table(title: str, caption: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=title, caption=caption, caption_justify="left")
    table.add_column("controller", no_wrap=True)
    return table


def _spread(spread: Spread) -> str:
    mean = number(spread.mean, 1)
    return mean if spread.std is None else f"{mean} ±{number(spread.std, 1)}"


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return NOT_MEASURED
    mean = f"{difference.mean:+.1f}"
    if difference.low is None or difference.high is None:
        return mean
    return f"{mean} [{difference.low:+.1f} {difference.high:+.1f}]"


def _short(value: float) -> str:
    """A large number in few characters.

    >>> _short(0), _short(4608), _short(2.5e7)
    ('0', '4.6k', '25.0M')
    """
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f}{letter}"
    return f"{value:.0f}"
