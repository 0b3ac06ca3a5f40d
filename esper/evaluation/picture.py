"""Results as a picture: test accuracy of every controller with its interval, drawn by matplotlib (an extra)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from esper.contracts.distribution import install_extra
from esper.errors import ConfigError
from esper.evaluation.records import ControllerResult, Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES: Final = (".svg", ".png", ".pdf")
_OURS, _MATCHED = "#1f6feb", "#8a8f98"


def check_can_draw(path: Path) -> None:
    """Refuse a picture that could not be drawn, before the first run rather than after the last.

    Raises:
        ConfigError: matplotlib is not installed, or it does not draw the form that the file's name asks for.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path} cannot be drawn: end its name in {', '.join(SUFFIXES)}")
    if find_spec("matplotlib") is None:
        raise ConfigError(f"pictures need matplotlib: {install_extra('plot')}")


def draw_results(results: Sequence[ControllerResult], path: Path) -> None:
    """Draw one row per controller: its mean with the 95 % interval, and below it the static host of equal size.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.4 + 0.55 * len(results)), layout="constrained")
    axes = figure.subplots()
    first = results[0]
    axes.set_title(
        f"{first.preset}: test accuracy after {first.epochs} epochs, {len(first.seeds)} seeds, "
        f"{first.episodes} episodes each"
    )
    for row, result in enumerate(results):
        _mark(axes, row - 0.12, result.test_accuracy, _OURS, "controller" if row == 0 else None)
        if result.matched is not None:
            label = None if any(one.matched for one in results[:row]) else "static host of the same size"
            _mark(axes, row + 0.18, result.matched.test_accuracy, _MATCHED, label)
    axes.set_yticks(
        range(len(results)),
        [f"{result.controller}\n+{result.parameters_added.mean:,.0f} parameters" for result in results],
        parse_math=False,
    )
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy, %: mean and 95 % interval, with the seed as the unit")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="best", frameon=False)
    with matplotlib.rc_context(
        {"svg.fonttype": "none"}
    ):  # Words stay words, so that they can be searched and read aloud.
        figure.savefig(path)


def _mark(axes: Axes, y: float, found: Estimate, colour: str, label: str | None) -> None:
    if found.low is not None and found.high is not None:
        axes.plot([max(found.low, 0.0), min(found.high, 100.0)], [y, y], color=colour, linewidth=2)
    axes.plot([found.mean], [y], marker="o", color=colour, linestyle="none", label=label)
