"""The fleet over the rounds: mean return with its percentiles, accuracy, and the mix of ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from esper.telemetry.events import BatchStats
from esper_tui.sources.base import Frame
from esper_tui.state.metrics import format_number
from esper_tui.state.snapshot import GroupFigures, OpShare
from esper_tui.widgets.chart import Series, chart_lines
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, own_scale, sparkline, strong, wrap
from esper_tui.widgets.vocabulary import short_op


def return_series(rounds: Sequence[BatchStats]) -> list[Series]:
    """Percentiles of the envs' returns below their mean."""
    return [
        Series(name="p10", values=[one.return_p10 for one in rounds], role=Role.DIM),
        Series(name="p90", values=[one.return_p90 for one in rounds], role=Role.DIM),
        Series(name="mean", values=[one.avg_return for one in rounds], role=Role.BAR),
    ]


def fleet_lines(group: GroupFigures, width: int, height: int) -> list[Line]:
    """The chart takes what the rows below it leave."""
    below = [*_accuracy_line(group, width), *op_lines(group.ops, width)]
    rounds = group.rounds
    if not rounds:
        return [line(dim("awaiting the end of round 1")), *below]
    newest = rounds[-1]
    title = line(
        label("return "),
        strong(format_number(newest.avg_return, 1, signed=True)),
        dim(f"  p10 {newest.return_p10:+.1f}  p90 {newest.return_p90:+.1f}"),
    )
    room = height - len(below) - 1
    chart = chart_lines(return_series(rounds), width, room, x_end=max(2, len(rounds))) if room >= 3 else []
    return [title, *chart, *below]


def _accuracy_line(group: GroupFigures, width: int) -> list[Line]:
    values = [one.avg_accuracy for one in group.rounds]
    if not values:
        return []
    best = max(one.best_accuracy for one in group.rounds)
    words = f" {values[-1]:.1f} best {best:.1f}"
    room = max(0, width - 5 - len(words))
    return [
        line(label("acc% "), Span(sparkline(values, room, *own_scale(values[-room:])).strip(), Role.BAR), dim(words))
    ]


def op_lines(ops: Sequence[OpShare], width: int) -> list[Line]:
    """Shares of the ops in this round, and how many were refused in the run."""
    chosen, refused = sum(op.run_chosen for op in ops), sum(op.run_refused for op in ops)
    in_round = sum(op.round_chosen for op in ops)
    if not chosen:
        return []
    shares = [
        Span(f"{short_op(op.op)} {100 * op.round_chosen / in_round:.0f}")
        for op in sorted(ops, key=lambda op: -op.run_chosen)
        if in_round
    ]
    return wrap([label("ops%"), *shares, dim(f"· refused {100 * refused / chosen:.0f} % of run")], width, gap=" ")


class FleetPanel(FigurePanel):
    """Of the group that decides for the env at the cursor."""

    TITLE: ClassVar = "FLEET by round"
    HINT: ClassVar = "3"

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        group = focus.group(frame)
        name = f" of {group.group_id}" if len(frame.snapshot.groups) > 1 else ""
        return f"FLEET{name} return · ops", self.HINT

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        return fleet_lines(focus.group(frame), width, height)
