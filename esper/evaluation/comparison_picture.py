"""Runs side by side as a picture: each band's mean with its interval, drawn by matplotlib (an extra)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from esper.evaluation.comparing import TITLES, Band, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draw one line per band, and its interval where there is one.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, band in enumerate(comparison.bands):
        _draw_band(axes, band, f"C{number}")
    axes.set_xlabel("env-epochs trained")
    axes.set_ylabel(f"{TITLES[comparison.measure]}: mean and 95 % interval over seeds")
    axes.grid(alpha=0.3)
    legend = axes.legend(loc="best", frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # Words stay words, as in the picture of an evaluation.
        figure.savefig(path)


def _draw_band(axes: Axes, band: Band, colour: str) -> None:
    there = [(point.env_epochs, point.mean) for point in band.points if point.mean is not None]
    places, means = [place for place, _ in there], [mean for _, mean in there]
    axes.plot(places, means, marker="o", markersize=3, color=colour, label=label_of(band))
    wide = [(point.env_epochs, point.interval) for point in band.points if point.interval is not None]
    low, high = [interval.low for _, interval in wide], [interval.high for _, interval in wide]
    axes.fill_between([place for place, _ in wide], low, high, color=colour, alpha=0.18, linewidth=0)


def label_of(band: Band) -> str:
    """A band's name, with the number of its seeds."""
    count = len(band.curves)
    return f"{band.label} ({count} seed{'s' if count > 1 else ''})"
