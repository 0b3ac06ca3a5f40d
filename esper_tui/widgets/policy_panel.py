"""The policy panel: the newest PPO update against its limits and its past, and how undecided each head is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from esper.telemetry.events import HeadUpdate, PPOUpdateCompleted
from esper_tui.sources.base import Frame
from esper_tui.state.metrics import MISSING, POLICY_METRICS, PolicyMetric, format_fitted
from esper_tui.state.rules import LEVEL_SIGNS, Level, judge, shorten
from esper_tui.state.snapshot import CockpitSnapshot, GroupFigures
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.text import (
    LEVEL_ROLES,
    Line,
    Role,
    Span,
    dim,
    label,
    line,
    own_scale,
    pad,
    pad_left,
    sparkline,
    wrap,
)
from esper_tui.widgets.vocabulary import HEAD_WORDS

LABEL_WIDTH, VALUE_WIDTH, VERDICT_WIDTH, ENDS_WIDTH = 7, 6, 5, 9


def policy_lines(snapshot: CockpitSnapshot, group: GroupFigures, width: int, height: int) -> list[Line]:
    """The panel's rows, most important first.

    group: of the snapshot.
    """
    if not group.updates:
        return awaiting_update(snapshot, group, width)
    newest, first = group.updates[-1], group.updates[0]
    lines = [_titles(newest, width)] if not newest.skipped else [skipped_line(newest)]
    lines += [_metric_line(entry, group.updates, entry.read(first), width) for entry in POLICY_METRICS]
    heads = _head_lines(newest.heads, width)
    # The last metrics give way to the heads, of which all are shown.
    return [*lines[: max(4, height - len(heads))], *heads]


def awaiting_update(snapshot: CockpitSnapshot, figures: GroupFigures, width: int) -> list[Line]:
    """Why there is no update yet."""
    run, progress = snapshot.run, snapshot.progress
    text = "no PPO update yet: the first comes when round 1 ends"
    started = next((item for item in run.groups if item.group_id == figures.group_id), None) if run else None
    if started is not None and not started.learns:
        text = f"no policy: the controller {started.controller} does not learn"
    elif run is not None and progress.epoch is not None:
        text = f"no PPO update yet: the first comes after epoch {run.max_epochs} of this round (now {progress.epoch})"
    return wrap([dim(word) for word in text.split()], width, gap=" ")


def skipped_line(update: PPOUpdateCompleted) -> Line:
    cause = update.skip_cause or "loss not finite"
    return (Span(f"▲ round {update.batch}: SKIPPED, {cause}", Role.CRITICAL),)


def _titles(update: PPOUpdateCompleted, width: int) -> Line:
    trend = _trend_width(width)
    early = " early stop" if update.early_stopped else ""
    text = f"{'':{LABEL_WIDTH}}{f'r{update.batch}':>{VALUE_WIDTH}} {pad(f'last {trend}', trend)} "
    return line(label(f"{text}{pad('min…max', ENDS_WIDTH)} limit"), dim(early))


def _trend_width(width: int) -> int:
    return max(3, width - LABEL_WIDTH - VALUE_WIDTH - VERDICT_WIDTH - ENDS_WIDTH - 3)


def _metric_line(
    entry: PolicyMetric, updates: Sequence[PPOUpdateCompleted], reference: float | None, width: int
) -> Line:
    metric = entry.metric
    trend = _trend_width(width)
    series = [entry.read(update) for update in updates][-trend:]
    value = series[-1]
    verdict = judge(metric.name, value, reference=reference or 0.0, samples=len(updates))
    low, high = own_scale(series)
    known = any(one is not None and math.isfinite(one) for one in series)
    ends = f"{_short(low)}…{_short(high)}" if known else MISSING
    limit = "" if value is None else "ok"
    if verdict.level is not Level.FINE:
        number = "" if verdict.limit is None else f"{'>' if verdict.above else '<'}{shorten(verdict.limit)}"
        limit = f"{LEVEL_SIGNS[verdict.level]}{number}"
    role = LEVEL_ROLES[verdict.level]
    return line(
        label(pad(metric.label, LABEL_WIDTH)),
        Span(
            pad_left(format_fitted(value, VALUE_WIDTH, metric.decimals, signed=metric.signed), VALUE_WIDTH),
            role if value is not None else Role.DIM,
        ),
        " ",
        Span(sparkline(series, trend, low, high), Role.BAR),
        " ",
        dim(pad(ends, ENDS_WIDTH)),
        " ",
        Span(pad(limit, VERDICT_WIDTH), role if verdict.level is not Level.FINE else Role.DIM),
    )


def _short(value: float) -> str:
    """A number of the ends of a trend in at most four cells.

    >>> _short(0.0274), _short(12.34), _short(-0.061), _short(0.0)
    ('.027', '12', '-.06', '0')
    """
    decimals = 0 if abs(value) >= 9.95 or not value else 1 if abs(value) >= 0.995 else 2 if value < 0 else 3
    if abs(value) >= 9999.5:
        return f"{value:.0e}".replace("e+0", "e")
    text = f"{value:.{decimals}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _head_lines(heads: Sequence[HeadUpdate], width: int) -> list[Line]:
    """Entropy of each head as a share of its maximum, which is how an update records it."""
    pieces: list[Span] = [label("H/max%")]
    for head in sorted(heads, key=lambda head: head.head != "op"):
        number = MISSING if head.entropy is None else f"{100 * head.entropy:.0f}"
        pieces.append(Span(f"{HEAD_WORDS.get(head.head, head.head)} {number}"))
    return wrap(pieces, width, gap=" ")


class PolicyPanel(FigurePanel):
    """Of the group that decides for the env at the cursor."""

    TITLE: ClassVar = "POLICY"
    HINT: ClassVar = "2"

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        group = focus.group(frame)
        name = f" of {group.group_id}" if len(frame.snapshot.groups) > 1 else ""
        after = f" after r{group.updates[-1].batch}" if group.updates else ""
        return f"{self.TITLE}{name}{after}", self.HINT

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        return policy_lines(frame.snapshot, focus.group(frame), width, height)
