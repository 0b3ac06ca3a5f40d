"""The panels of the policy screen: a chart per figure, the heads over time, the critic, the observations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from esper.telemetry.events import HeadUpdate, PPOUpdateCompleted
from esper_tui.sources.base import Frame
from esper_tui.state.metrics import MISSING, PolicyMetric, format_number
from esper_tui.state.rules import Level, judge, rule_for
from esper_tui.widgets.chart import Series, chart_lines
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.policy_panel import awaiting_update
from esper_tui.widgets.text import LEVEL_ROLES, Line, Role, Span, label, line, own_scale, pad, pad_left, sparkline
from esper_tui.widgets.vocabulary import HEAD_WORDS, short_op


class MetricChart(FigurePanel):
    """One figure of the updates over the rounds; skipped updates are gaps, marked ×."""

    def __init__(self, entry: PolicyMetric) -> None:
        super().__init__(id=f"chart-{entry.metric.name.replace('_', '-')}")
        self._entry = entry

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        metric, updates = self._entry.metric, focus.group(frame).updates
        value = self._entry.read(updates[-1]) if updates else None
        number = format_number(value, metric.decimals, signed=metric.signed)
        return f"{metric.label} {number} {metric.unit}".rstrip(), focus.view.words

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        group = focus.group(frame)
        if not group.updates:
            return awaiting_update(frame.snapshot, group, width)
        first = group.updates[0].batch
        series = Series(name="", values=[self._entry.read(update) for update in group.updates], first=first)
        marks = [(update.batch, "×", Role.CRITICAL) for update in group.updates if update.skipped]
        metric, reference = self._entry.metric.name, self._entry.read(group.updates[0]) or 0.0
        for count, update in enumerate(group.updates, start=1):
            verdict = judge(metric, self._entry.read(update), reference=reference, samples=count)
            if verdict.level is not Level.FINE:
                marks.append((update.batch, "◆", LEVEL_ROLES[verdict.level]))
        end = max(first + 1, group.updates[-1].batch)
        return chart_lines([series], width, height, x_end=end, view=focus.view, marks=marks)


Reader = Callable[[HeadUpdate], float | None]

HEAD_COLUMNS: Sequence[tuple[str, Reader, int]] = (
    ("H/max", lambda head: head.entropy, 2),
    ("grad", lambda head: head.gradient_norm, 3),
    ("ratio", lambda head: head.ratio_max, 2),
    ("clip", lambda head: head.clip_fraction, 3),
    ("used", lambda head: head.relevant_fraction, 2),
)
"""Title, figure and digits of the heads' table."""


def head_lines(updates: Sequence[PPOUpdateCompleted], width: int) -> list[Line]:
    """A row per head: the newest figures, entropy over time, and whether a figure ever was not a number."""
    cell = 7 if width >= 9 + 7 * len(HEAD_COLUMNS) + 11 else 6
    # The latch matters more than the last columns, so these give way where there is no room.
    columns = HEAD_COLUMNS[: max(1, (width - 9 - len("  never")) // cell)]
    titles = "".join(f"{title:>{cell}}" for title, _, _ in columns)
    room = max(0, min(24, width - 9 - cell * len(HEAD_COLUMNS) - 13)) if cell == 7 else 0
    trend_width = room + 2 if cell == 7 else 0
    since = "NaN since" if cell == 7 else "NaN"
    trend = "H/max over time" if room >= 15 else "trend" if room >= 5 else ""
    lines = [line(label(f"{'head':9}{titles}  {pad(trend, trend_width)}"), label(since))]
    for index, head in enumerate(updates[-1].heads):
        past = [update.heads[index] for update in updates if index < len(update.heads)]
        numbers = "".join(pad_left(format_number(read(head), digits), cell) for _, read, digits in columns)
        broken = next(
            (
                update.batch
                for update in updates
                if index < len(update.heads)
                and any(_is_broken(read(update.heads[index])) for _, read, _ in HEAD_COLUMNS)
            ),
            None,
        )
        entropies = [one.entropy for one in past]
        lines.append(
            line(
                label(pad(HEAD_WORDS.get(head.head, head.head), 9)),
                numbers,
                "  ",
                Span(pad(sparkline(entropies, room, 0.0, 1.0), trend_width), Role.BAR),
                Span("never" if broken is None else f"▲ r{broken}", Role.DIM if broken is None else Role.CRITICAL),
            )
        )
    return lines


def _is_broken(value: float | None) -> bool:
    return value is not None and (value != value or abs(value) == float("inf"))


class HeadsPanel(FigurePanel):
    """Every head of the newest update."""

    TITLE: ClassVar = "HEADS of the newest update"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        group = focus.group(frame)
        if not group.updates:
            return awaiting_update(frame.snapshot, group, width)
        return head_lines(group.updates, width)


def _figure(name: str, value: float | None, decimals: int = 3, *, trend: str = "") -> Line:
    return line(label(pad(name, 22)), pad_left(format_number(value, decimals), 9), "  ", Span(trend, Role.BAR))


SHAPE_ROWS: Final[tuple[tuple[str, Callable[[PPOUpdateCompleted], float | None]], ...]] = (
    ("clipped upwards", lambda update: update.shape.clip_up_share if update.shape else None),
    ("advantage skew", lambda update: update.shape.advantage_skew if update.shape else None),
    ("advantage kurtosis − 3", lambda update: update.shape.advantage_kurtosis if update.shape else None),
    ("advantage > 0, share", lambda update: update.shape.advantage_positive_share if update.shape else None),
    ("log p min", lambda update: update.shape.log_prob_min if update.shape else None),
    ("log p max", lambda update: update.shape.log_prob_max if update.shape else None),
    ("value × return corr.", lambda update: update.shape.value_correlation if update.shape else None),
    ("TD error mean", lambda update: update.shape.td_mean if update.shape else None),
    ("TD error rms", lambda update: update.shape.td_rms if update.shape else None),
)
"""What the record of an update says of its batch, beyond means."""


def critic_lines(updates: Sequence[PPOUpdateCompleted], width: int) -> list[Line]:
    """What the critic says against what came, and the mean value of each op."""
    newest = updates[-1]
    rows: list[tuple[str, Callable[[PPOUpdateCompleted], float | None]]] = [
        ("value mean", lambda update: update.value_mean),
        ("value σ", lambda update: update.value_std),
        ("return mean", lambda update: update.return_mean),
        ("return σ", lambda update: update.return_std),
        ("advantage mean", lambda update: update.advantage_mean),
        ("advantage σ", lambda update: update.advantage_std),
        ("explained variance", lambda update: update.explained_variance),
        ("contribution error", lambda update: update.contribution_error),
        ("policy loss", lambda update: update.policy_loss),
        ("value loss", lambda update: update.value_loss),
        ("ratio min", lambda update: update.ratio_min),
        ("ratio max", lambda update: update.ratio_max),
        *SHAPE_ROWS,
    ]
    room = max(0, min(20, width - 34))
    lines: list[Line] = []
    for name, read in rows:
        series = [read(update) for update in updates][-room:] if room else []
        lines.append(_figure(name, read(newest), trend=sparkline(series, room, *own_scale(series)).strip()))
    lines.append(line(label("Q(s, op) mean")))
    for value in sorted(newest.op_values, key=lambda one: -(one.value if one.value is not None else -1e9)):
        lines.append(line(label(f"  {short_op(value.name)}  "), format_number(value.value, 2, signed=True)))
    rate = MISSING if newest.learning_rate is None else f"{newest.learning_rate:.1e}"
    weight = MISSING if newest.entropy_coef is None else f"{newest.entropy_coef:.3g}"
    passes = MISSING if newest.epochs_run is None else str(newest.epochs_run)
    text = f"lr {rate} · entropy weight {weight} · {passes} passes"
    return [*lines, line(text), line(f"{newest.update_time_ms / 1000:.2f} s an update"), _collapse_line(updates)]


def _collapse_line(updates: Sequence[PPOUpdateCompleted]) -> Line:
    """When the entropy reaches the limit of its rule, should it go on to fall as in the last updates."""
    rounds = rounds_to_collapse([update.entropy for update in updates])
    words = "does not fall" if rounds is None else f"at its limit in {rounds:,.0f} rounds at this pace"
    return line(label("entropy "), words)


def rounds_to_collapse(entropies: Sequence[float | None]) -> float | None:
    """How many rounds the entropy is away from the critical limit of its rule; None if it does not fall.

    The pace is that of a straight line through the last eight updates.

    >>> rounds_to_collapse([1.0, 0.9, 0.8])
    7.0
    """
    rule = rule_for("entropy")
    known = [(place, value) for place, value in enumerate(entropies) if value is not None and math.isfinite(value)]
    newest = known[-8:]
    first = entropies[0] if entropies else None
    if rule is None or first is None or not first > 0 or len(newest) < 3:
        return None
    slope, _ = statistics.linear_regression(*zip(*newest, strict=True))
    left = newest[-1][1] - rule.critical * first
    return round(max(0.0, left / -slope), 6) if slope < -1e-9 else None


class CriticPanel(FigurePanel):
    """Calibration of the critic."""

    TITLE: ClassVar = "CRITIC · in normalised reward"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        updates = focus.group(frame).updates
        return critic_lines(updates, width) if updates else awaiting_update(frame.snapshot, focus.group(frame), width)


class ObservationPanel(FigurePanel):
    """What the policy saw, normalised."""

    TITLE: ClassVar = "OBSERVATIONS · normalised"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        group = focus.group(frame)
        if not group.updates:
            return awaiting_update(frame.snapshot, group, width)
        seen = group.updates[-1].observations
        shares = (
            ("beyond 3 σ", seen.outlier_share),
            ("near the clip", seen.near_clip_share),
            ("clipped", seen.clipped_share),
            ("not finite", seen.non_finite_share),
        )
        return [
            _figure("host mean", seen.host_mean),
            _figure("host σ", seen.host_std),
            _figure("slot mean", seen.slot_mean),
            _figure("slot σ", seen.slot_std),
            *(
                line(label(pad(name, 22)), pad_left(MISSING if share is None else f"{100 * share:.2f} %", 9))
                for name, share in shares
            ),
            _figure("drift in σ", seen.drift),
        ]
