"""The two charts, drawn by textual-plot, and only when their series grew; and the two rows that stand in for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static
from textual_plot import HiResMode, PlotWidget

from esper.telemetry.events import BatchStats
from esper_tui.state.metrics import format_number
from esper_tui.state.snapshot import CockpitSnapshot, GroupFigures
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, own_scale, pad, sparkline

BRIGHT: Final = "cyan"
FAINT: Final = "bright_black"
LONGEST_SERIES: Final = 400
"""Points that a chart draws at most; a longer series is thinned evenly."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    style: str


def series(values: Sequence[float], style: str) -> Series:
    """Values at x = 1, 2, ...; thinned evenly, the newest kept, if there are more than LONGEST_SERIES."""
    step = max(1, -(-len(values) // LONGEST_SERIES))
    indices = range(len(values) - 1, -1, -step)[::-1]
    return Series(tuple(float(index + 1) for index in indices), tuple(values[index] for index in indices), style)


class Chart(Container):
    """A line chart that redraws only when it is given other series; without any it says what it waits for."""

    AWAITED = ""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._drawn: list[Series] = []
        self.redraws = 0

    def compose(self) -> ComposeResult:
        plot = PlotWidget(allow_pan_and_zoom=False)
        plot.can_focus = False
        plot.display = False
        yield plot
        yield Static(self.AWAITED, markup=False)

    def on_mount(self) -> None:
        plot = self.query_one(PlotWidget)
        plot.margin_top, plot.margin_bottom, plot.margin_left = 0, 1, 6

    def show_group(self, snapshot: CockpitSnapshot, group: GroupFigures) -> None:
        """Draw what a group of the snapshot holds for this chart."""
        raise NotImplementedError

    def draw(self, lines: Sequence[Series], *, x_end: float) -> None:
        """Draw these lines over x from 1 to at least x_end; the last is on top."""
        wanted = [one for one in lines if one.x]
        if wanted == self._drawn:
            return
        self._drawn = wanted
        self.redraws += 1
        plot = self.query_one(PlotWidget)
        plot.display = bool(wanted)
        self.query_one(Static).display = not wanted
        if not wanted:
            return
        with self.app.batch_update():
            plot.clear()
            for one in wanted:
                if len(one.x) == 1:
                    plot.scatter(one.x, one.y, marker="•", marker_style=one.style)
                else:
                    plot.plot(one.x, one.y, line_style=one.style, hires_mode=HiResMode.BRAILLE)
            end = max(2.0, x_end)
            plot.set_xlimits(1.0, end)
            plot.set_xticks(_round_ticks(1.0, end, smallest_step=1.0))
            low, high = _padded(wanted)
            plot.set_ylimits(low, high)
            plot.set_yticks(_round_ticks(low, high))


def _round_ticks(low: float, high: float, smallest_step: float = 0.0) -> list[float]:
    """Two to six multiples of 1, 2 or 5 times a power of ten between low and high."""
    rough = max((high - low) / 5, smallest_step)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough)
    return [step * index for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _padded(lines: Sequence[Series]) -> tuple[float, float]:
    low, high = own_scale(value for one in lines for value in one.y)
    margin = max(0.05 * (high - low), 0.01 * max(abs(low), abs(high), 1.0))
    return low - margin, high + margin


class ReturnChart(Chart):
    """Mean episode return per round, with the tenth and the ninetieth percentile of the envs."""

    AWAITED = "awaiting the end of round 1"

    def show_group(self, snapshot: CockpitSnapshot, group: GroupFigures) -> None:
        rounds = group.rounds
        low = series([one.return_p10 for one in rounds], FAINT)
        high = series([one.return_p90 for one in rounds], FAINT)
        mean = series([one.avg_return for one in rounds], BRIGHT)
        self.draw([low, high, mean], x_end=len(rounds))


class AccuracyChart(Chart):
    """Mean validation accuracy per host epoch: this round over the one before."""

    AWAITED = "awaiting the first host epoch"

    def show_group(self, snapshot: CockpitSnapshot, group: GroupFigures) -> None:
        last, now = series(group.previous_curve, FAINT), series(group.curve, BRIGHT)
        self.draw([last, now], x_end=snapshot.run.max_epochs if snapshot.run else 2)


def spark_lines(group: GroupFigures, width: int) -> list[Line]:
    """Both charts in two rows, for narrow screens."""
    room = max(0, width - 46)
    rounds: Sequence[BatchStats] = group.rounds
    returns = [one.avg_return for one in rounds]
    return [
        _spark_line("return by round", returns, room, signed=True, awaited="awaiting the end of round 1"),
        _spark_line("accuracy this round", list(group.curve), room, signed=False, awaited="awaiting epoch 1"),
    ]


def _spark_line(title: str, values: list[float], room: int, *, signed: bool, awaited: str) -> Line:
    name = label(pad(f" {title}", 21))
    if not values:
        return line(name, dim(awaited))
    low, high = own_scale(values[-room:] if room else values)
    scale = f" {format_number(low, 1)}–{format_number(high, 1)}"
    newest = format_number(values[-1], 2 if signed else 1, signed=signed)
    return line(name, f"{newest:>7} ", Span(sparkline(values, room, low, high), Role.BAR), dim(scale))


class SparkPanel(LinePanel):
    """The charts' stand-in below 120 columns."""

    def show_group(self, group: GroupFigures) -> None:
        self.show(spark_lines(group, self.size.width))
