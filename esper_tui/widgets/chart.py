"""Line charts with axes: plain functions from series to lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from esper_tui.widgets.canvas import Canvas
from esper_tui.widgets.text import Line, Role, own_scale, pad_left

GUTTER: Final = 6
"""Cells for the numbers of the y axis and the axis itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One curve over x = first, first + 1, ...; None and NaN are gaps."""

    name: str
    values: Sequence[float | None]
    role: Role = Role.BAR
    first: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """How the reader looks at a chart.

    zoom: the newest 1/2**zoom of the x axis is shown.
    log: the y axis is logarithmic; values that are not positive are gaps.
    smooth: each point is the exponential mean of those before it (factor 0.3).
    """

    zoom: int = 0
    log: bool = False
    smooth: bool = False

    @property
    def words(self) -> str:
        """What differs from the plain view."""
        parts = [f"×{2**self.zoom}" if self.zoom else "", "log" if self.log else "", "smooth" if self.smooth else ""]
        return " ".join(part for part in parts if part)


PLAIN_VIEW: Final = ChartView()


def chart_lines(
    series: Sequence[Series],
    width: int,
    height: int,
    *,
    x_end: int,
    view: ChartView = PLAIN_VIEW,
    marks: Sequence[tuple[int, str, Role]] = (),
    decimals: int | None = None,
) -> list[Line]:
    """A chart with its y axis at the left and its x axis in the last row.

    marks: signs at an x, on top.
    """
    canvas = Canvas(width, height)
    plot_width, plot_height = width - GUTTER, height - 1
    if plot_width < 4 or plot_height < 2:
        return canvas.lines()
    start = 1 if not view.zoom else max(1, x_end - max(1, (x_end - 1) // 2**view.zoom))
    shown = [_prepared(one, view, start) for one in series]
    low, high = _limits([value for one in shown for value in one.values], view)
    _draw_axes(canvas, start, x_end, low, high, view, decimals)
    across = max(1, x_end - start)
    for one in shown:
        canvas.curve(
            [
                (
                    2 * GUTTER + (one.first + index - start) / across * (2 * plot_width - 1),
                    math.nan if value is None else (high - value) / (high - low) * (4 * plot_height - 1),
                )
                for index, value in enumerate(one.values)
            ],
            one.role,
        )
    for x, sign, role in marks:
        if start <= x <= x_end:
            canvas.put(GUTTER + round((x - start) / across * (plot_width - 1)), 0, sign, role)
    return canvas.lines()


def _prepared(series: Series, view: ChartView, start: int) -> Series:
    values = [value if value is not None and math.isfinite(value) else None for value in series.values]
    if view.smooth:
        values = smoothed(values)
    if view.log:
        values = [math.log10(value) if value is not None and value > 0 else None for value in values]
    skipped = max(0, start - series.first)
    return replace(series, values=values[skipped:], first=series.first + skipped)


def smoothed(values: Sequence[float | None], factor: float = 0.3) -> list[float | None]:
    """Exponential mean; a gap stays a gap and does not count.

    >>> smoothed([0.0, None, 10.0])
    [0.0, None, 3.0]
    """
    mean: float | None = None
    result: list[float | None] = []
    for value in values:
        if value is not None:
            mean = value if mean is None else mean + factor * (value - mean)
        result.append(None if value is None else mean)
    return result


def _limits(values: Sequence[float | None], view: ChartView) -> tuple[float, float]:
    low, high = own_scale(values)
    flat = 0.1 * max(abs(low), 1.0) if high == low else 0.0  # a flat curve lies in the middle of a readable axis
    margin = max(0.05 * (high - low), flat)
    if view.log:
        margin = max(0.05 * (high - low), 0.05)
    return low - margin, high + margin


def _draw_axes(
    canvas: Canvas, start: int, x_end: int, low: float, high: float, view: ChartView, decimals: int | None
) -> None:
    rows = canvas.height - 1
    labels = sorted({0, rows - 1, *([rows // 2] if rows >= 5 else [])})
    for row in range(rows):
        canvas.put(GUTTER - 1, row, "┤" if row in labels else "│", Role.DIM)
        if row in labels:
            value = high - (high - low) * (row + 0.5) / rows
            text = axis_number(10**value if view.log else value, high - low if not view.log else None, decimals)
            canvas.put(0, row, pad_left(text, GUTTER - 1), Role.DIM)
    ends = {GUTTER: str(start), canvas.width - len(str(x_end)): str(x_end)}
    if canvas.width >= 40 and x_end - start >= 4:
        middle = (start + x_end) // 2
        place = GUTTER + round((middle - start) / (x_end - start) * (canvas.width - GUTTER - 1))
        ends[place] = str(middle)
    for place, text in ends.items():
        canvas.put(place, rows, text, Role.DIM)


def axis_number(value: float, span: float | None, decimals: int | None = None) -> str:
    """A number of the y axis in at most five cells, with as many digits as the axis can tell apart.

    >>> axis_number(0.1234, 0.2), axis_number(123.4, 300.0), axis_number(23456.0, 1e5)
    ('.123', '123', '23k')
    """
    if abs(value) >= 9999.5:
        return f"{value / 1000:.0f}k" if abs(value) < 1e6 else f"{value:.0e}"
    if decimals is None:
        scale = abs(value) if span is None else span
        decimals = 0 if scale >= 20 else 1 if scale >= 2 else 2 if scale >= 0.5 else 3 if scale >= 0.02 else 4
    text = f"{round(value, decimals) + 0.0:.{decimals}f}"
    text = text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
    return text if len(text) <= GUTTER - 1 else f"{value:.0e}"
