"""What the seeds of one env were worth in the newest ablation up to the cursor."""

from __future__ import annotations

from typing import ClassVar, Final

from esper_tui.sources.base import Frame
from esper_tui.state.attribution import MatrixFigures, matrix_figures
from esper_tui.state.metrics import MISSING, format_number
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, pad, pad_left, wrap
from esper_tui.widgets.vocabulary import short_module

ROUNDING: Final = 0.05
"""Percentage points by which a sum of Shapley values may miss on minus off."""


def points(value: float | None, width: int = 6) -> str:
    return pad_left(format_number(value, 1, signed=True), width)


def attribution_lines(frame: Frame, focus: Focus, width: int) -> list[Line]:
    """Solo, drop-one and Shapley of each slot, the pairs, the sum check and the age."""
    episode, epoch = focus.shown_episode(frame), focus.shown_epoch(frame)
    if episode is None or epoch is None:
        return [line(dim("no ablation yet"))]
    matrix = episode.matrix_until(epoch)
    if matrix is None:
        return wrap([dim(word) for word in f"no ablation was recorded up to e{epoch}".split()], width, gap=" ")
    figures = matrix_figures(matrix)
    lines = [line(label(f"{'slot':5} {'module':6} {'solo':>6} {'drop-1':>6} {'Shapley':>7}"), dim(" pts"))]
    for slot in figures.slots:
        seed = episode.slot_at(matrix.epoch, slot.slot_id)
        module = short_module(seed.blueprint) if seed else "–"
        if not slot.active:
            lines.append(line(label(pad(slot.slot_id, 5)), f" {pad(module, 6)} ", dim("not switched in")))
            continue
        lines.append(
            line(
                label(pad(slot.slot_id, 5)),
                f" {pad(module, 6)} {points(slot.solo)} {points(slot.drop_one)} {points(slot.shapley, 7)}",
            )
        )
    lines += [_pair_line(pair.first, pair.second, pair.interaction) for pair in figures.pairs]
    age = epoch - matrix.epoch
    when = "this epoch" if not age else f"{age} epochs ago"
    lines += _sum_lines(figures, width)
    lines.append(line(dim(f"{figures.measured} of {figures.possible} sets measured · e{matrix.epoch}, {when}")))
    for slot in episode.slot_ids:
        seed = episode.slot_at(epoch, slot)
        if seed is not None:
            health = f"{format_number(seed.gradient_norm, 2)} health {format_number(seed.gradient_health, 2)}"
            lines.append(line(label(pad(slot, 5)), dim(f" {seed.epochs_total}e old, gradient {health}")))
    return lines


def _pair_line(first: str, second: str, interaction: float) -> Line:
    word = "they help each other" if interaction > 0 else "they interfere" if interaction < 0 else "no interaction"
    return line(label(f"{first}×{second} "), points(interaction), dim(f" {word}"))


def _sum_lines(figures: MatrixFigures, width: int) -> list[Line]:
    pieces = [
        label("on"),
        Span(f"{format_number(figures.on, 1)} %"),
        label("off"),
        Span(f"{format_number(figures.off, 1)} %"),
    ]
    if figures.residue is None:
        pieces.append(dim(f"Σφ {MISSING}"))
    elif abs(figures.residue) <= ROUNDING:
        pieces.append(Span(f"Σφ {figures.shapley_total:+.1f} = on − off ✓", Role.GOOD))
    else:
        pieces.append(Span(f"Σφ misses on − off by {figures.residue:+.1f}", Role.CRITICAL))
    return wrap(pieces, width, gap=" ")


class AttributionPanel(FigurePanel):
    """Reads the cursor of the page."""

    TITLE: ClassVar = "ATTRIBUTION"
    HINT: ClassVar = "by ablation"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        return attribution_lines(frame, focus, width)
