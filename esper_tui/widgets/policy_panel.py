"""The policy panel: the newest PPO update against its limits and its past, the heads, and the mix of ops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from esper.contracts.actions import HEAD_NAMES, head_sizes
from esper.telemetry.events import HeadUpdate, PPOUpdateCompleted
from esper_tui.state.metrics import POLICY_METRICS, PolicyMetric, format_fitted
from esper_tui.state.rules import Level, judge
from esper_tui.state.snapshot import CockpitSnapshot, GroupFigures, OpShare
from esper_tui.widgets.line_panel import LinePanel
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
from esper_tui.widgets.vocabulary import short_op

HEAD_LETTERS: Final = ("sl", "mo", "st", "te", "αt", "αs", "αc", "op")
LABEL_WIDTH: Final = 8
VALUE_WIDTH: Final = 7
VERDICT_WIDTH: Final = 9


def policy_lines(snapshot: CockpitSnapshot, group: GroupFigures, width: int, height: int) -> list[Line]:
    """The panel's rows, most important first; what does not fit in height is left out.

    group: of the snapshot.
    """
    if not group.updates:
        return _awaiting(snapshot, group, width)[:height]
    newest, first = group.updates[-1], group.updates[0]
    lines = [_summary(newest)]
    for entry in POLICY_METRICS:
        lines.append(_metric_line(entry, group.updates, entry.read(first), width))
    slots = len(snapshot.run.slot_ids) if snapshot.run else 1
    lines += _head_lines(newest.heads, slots)
    return (lines + _op_lines(group.ops, width))[:height]


def _awaiting(snapshot: CockpitSnapshot, figures: GroupFigures, width: int) -> list[Line]:
    run, progress = snapshot.run, snapshot.progress
    text = "no PPO update yet: the first comes when round 1 ends"
    started = next((item for item in run.groups if item.group_id == figures.group_id), None) if run else None
    if started is not None and not started.learns:
        text = f"no policy: the controller {started.controller} does not learn"
    elif run is not None and progress.epoch is not None:
        text = f"no PPO update yet: the first comes after epoch {run.max_epochs} of this round (now {progress.epoch})"
    words = wrap([dim(word) for word in text.split()], width, gap=" ")
    return [*words, (), *_op_lines(figures.ops, width)]


def _summary(update: PPOUpdateCompleted) -> Line:
    if update.skipped:
        return (Span(f"round {update.batch}: SKIPPED, loss not finite", Role.CRITICAL),)
    early = " early stop" if update.early_stopped else ""
    text = f"{update.update_time_ms / 1000:.2f} s  lr {update.learning_rate:.0e}{early}"
    return line(label("after round "), f"{update.batch}  ", dim(text))


def _metric_line(
    entry: PolicyMetric, updates: Sequence[PPOUpdateCompleted], reference: float | None, width: int
) -> Line:
    metric = entry.metric
    series = [entry.read(update) for update in updates]
    value = series[-1]
    verdict = judge(metric.name, value, reference=reference or 0.0, samples=len(updates))
    room = max(0, width - LABEL_WIDTH - VALUE_WIDTH - VERDICT_WIDTH - 2)
    trend = sparkline(series, room, *own_scale(series[-room:] if room else []))
    words = verdict.words if value is not None and (verdict.level is not Level.FINE or room) else ""
    return line(
        label(pad(metric.label, LABEL_WIDTH)),
        Span(
            pad_left(format_fitted(value, VALUE_WIDTH, metric.decimals, signed=metric.signed), VALUE_WIDTH),
            LEVEL_ROLES[verdict.level] if value is not None else Role.DIM,
        ),
        " ",
        Span(trend, Role.BAR),
        " ",
        Span(pad(words, VERDICT_WIDTH), LEVEL_ROLES[verdict.level] if verdict.level is not Level.FINE else Role.DIM),
    )


def _head_lines(heads: Sequence[HeadUpdate], slots: int) -> list[Line]:
    sizes = dict(zip(HEAD_NAMES, head_sizes(slots), strict=True))
    entropies = [_entropy_share(head, sizes.get(head.head, 0)) for head in heads]
    gradients = [head.gradient_norm for head in heads]
    largest = max((value for value in gradients if value is not None and math.isfinite(value)), default=0.0)
    return [
        line(label("heads   "), dim(" ".join(pad(letters, 2) for letters in HEAD_LETTERS))),
        line(label("H/max   "), Span(_cells(entropies, 1.0), Role.BAR)),
        line(label("grad/max"), Span(_cells(gradients, largest), Role.BAR)),
    ]


def _entropy_share(head: HeadUpdate, size: int) -> float | None:
    if head.entropy is None or size < 2:
        return None
    return head.entropy / math.log(size)


def _cells(values: Sequence[float | None], high: float) -> str:
    return " ".join(pad(sparkline([value], 1, 0.0, high), 2) for value in values)


def _op_lines(ops: Sequence[OpShare], width: int) -> list[Line]:
    chosen, refused = sum(op.run_chosen for op in ops), sum(op.run_refused for op in ops)
    if not chosen:
        return []
    in_round = sum(op.round_chosen for op in ops)
    shares = [
        Span(f"{short_op(op.op)} {100 * op.round_chosen / in_round:3.0f}%")
        for op in sorted(ops, key=lambda op: -op.run_chosen)
        if in_round
    ]
    title = line(label("ops this round"), dim(f"  refused in run {100 * refused / chosen:.0f}%"))
    return [title, *wrap(shares, width)]


class PolicyPanel(LinePanel):
    """Redrawn row by row when an update, or the mix of ops, changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[CockpitSnapshot, GroupFigures] | None = None

    def show_group(self, snapshot: CockpitSnapshot, group: GroupFigures) -> None:
        self._shown = (snapshot, group)
        self.show(policy_lines(snapshot, group, self.size.width, self.size.height))

    def resized(self) -> None:
        if self._shown is not None:
            self.show_group(*self._shown)
