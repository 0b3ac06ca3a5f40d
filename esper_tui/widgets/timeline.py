"""An env's episode on one axis: accuracy, the lane of each slot, ops and reward, with a cursor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from esper.contracts.stages import SeedStage
from esper.telemetry.events import SlotSnapshot
from esper_tui.state.episode import EpisodeView
from esper_tui.state.metrics import format_number
from esper_tui.widgets.canvas import Canvas
from esper_tui.widgets.chart import axis_number
from esper_tui.widgets.text import BLOCKS, Line, Role, cut, dim, own_scale, pad_left
from esper_tui.widgets.vocabulary import STAGE_SIGNS, short_module, slot_amount

NOTES_WIDTH: Final = 15
OP_LETTERS: Final = {"GERMINATE": "G", "SET_ALPHA_TARGET": "α", "PRUNE": "P", "FOSSILIZE": "F", "ADVANCE": "A"}
REFUSED: Final = "!"
OPERATOR_WAITED: Final = "w"
"""Ops of the operator are written small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Where epochs are drawn.

    left: the first column of the plot.
    width: its columns.
    """

    left: int
    width: int
    max_epochs: int

    def start(self, epoch: int) -> int:
        """The first column of an epoch."""
        return self.left + (epoch - 1) * self.width // self.max_epochs

    def end(self, epoch: int) -> int:
        """The column after its last one; at least one column wide."""
        return max(self.start(epoch) + 1, self.left + epoch * self.width // self.max_epochs)

    def epoch_at(self, column: int) -> int:
        """The epoch that a column shows."""
        inside = min(max(column - self.left, 0), self.width - 1)
        return min(self.max_epochs, inside * self.max_epochs // self.width + 1)


def axis_of(episode: EpisodeView, width: int) -> Axis:
    """The axis in a panel of this width: whole columns for every epoch where there is room."""
    left = max(5, max((len(slot_id) for slot_id in episode.slot_ids), default=4) + 1)
    room = max(4, width - left - NOTES_WIDTH)
    length = max(1, episode.max_epochs)
    return Axis(left=left, width=room // length * length if room >= length else room, max_epochs=length)


def timeline_lines(
    episode: EpisodeView, width: int, height: int, *, cursor: int | None = None, previous: bool = False
) -> list[Line]:
    """The whole panel.

    cursor: a host epoch, the newest by default.
    previous: overlay the round before.
    """
    if not episode.epochs:
        return [(dim(" no host epoch of this episode yet"),)]
    axis = axis_of(episode, width)
    epoch = episode.last_epoch if cursor is None else cursor
    slots = min(len(episode.slot_ids), max(0, height - 6))
    canvas = Canvas(width, height)
    rows = height - slots - 3
    _draw_accuracy(canvas, axis, episode, rows, previous)
    for index in range(slots):
        _draw_lane(canvas, axis, episode, index, rows + index)
    _draw_ops(canvas, axis, episode, rows + slots)
    _draw_rewards(canvas, axis, episode, rows + slots + 1)
    _draw_epochs(canvas, axis, episode, height - 1)
    column = (axis.start(epoch) + axis.end(epoch) - 1) // 2
    for row in range(height - 1):
        canvas.put_where_blank(column, row, "┊", Role.ACCENT)
        canvas.mark(column, row, Role.ACCENT)
    _draw_notes(canvas, axis, episode, epoch, rows, slots)
    return canvas.lines()


def _draw_accuracy(canvas: Canvas, axis: Axis, episode: EpisodeView, rows: int, previous: bool) -> None:
    curves: list[tuple[Sequence[float | None], Role]] = [
        ([one.train_accuracy for one in episode.epochs], Role.DIM),
        ([one.val_accuracy for one in episode.epochs], Role.BAR),
    ]
    if previous:
        curves[0] = (episode.previous, Role.LABEL)
    low, high = own_scale([value for values, _ in curves for value in values])
    low, high = low // 10 * 10.0, max(-(-high // 10) * 10.0, low // 10 * 10.0 + 10.0)
    for row in range(rows):
        is_labelled = row in (0, rows - 1) or (row == rows // 2 and rows >= 5)
        canvas.put(axis.left - 1, row, "┤" if is_labelled else "│", Role.DIM)
        if is_labelled:
            value = high - (high - low) * row / max(1, rows - 1)
            canvas.put(0, row, pad_left(axis_number(value, 100.0), axis.left - 1), Role.DIM)
    for values, role in curves:
        points = [
            (
                float(axis.start(index) + axis.end(index) - 1),
                math.nan if value is None else (high - value) / (high - low) * (4 * rows - 1),
            )
            for index, value in enumerate(values, start=1)
        ]
        canvas.curve(points, role)


def _draw_lane(canvas: Canvas, axis: Axis, episode: EpisodeView, index: int, row: int) -> None:
    slot_id = episode.slot_ids[index]
    canvas.put(0, row, slot_id, Role.LABEL)
    for one in episode.epochs:
        slot = next((slot for slot in one.slots if slot.slot_id == slot_id), None)
        sign, role, _ = STAGE_SIGNS[slot.stage if slot else SeedStage.DORMANT]
        canvas.put(axis.start(one.epoch), row, sign * (axis.end(one.epoch) - axis.start(one.epoch)), role)


def _draw_ops(canvas: Canvas, axis: Axis, episode: EpisodeView, row: int) -> None:
    canvas.put(0, row, "op", Role.LABEL)
    for one in episode.epochs:
        canvas.put(axis.start(one.epoch), row, "·" * (axis.end(one.epoch) - axis.start(one.epoch)), Role.DIM)
    for decision in episode.decisions:
        letter = OP_LETTERS.get(decision.op, OPERATOR_WAITED if decision.by_operator else None)
        if letter is None:
            continue
        letter = letter.lower() if decision.by_operator else letter
        sign, role = (letter, Role.STRONG) if decision.success else (REFUSED, Role.WARNING)
        canvas.put(axis.start(decision.epoch), row, sign, role)
    if episode.rollback is not None:
        canvas.put(axis.start(episode.rollback.epoch), row, "▲", Role.CRITICAL)


def _draw_rewards(canvas: Canvas, axis: Axis, episode: EpisodeView, row: int) -> None:
    canvas.put(0, row, "rew", Role.LABEL)
    low, high = own_scale(decision.reward for decision in episode.decisions)
    for decision in episode.decisions:
        share = (decision.reward - low) / (high - low) if high > low else 0.5
        block = BLOCKS[round(share * (len(BLOCKS) - 1))] if share == share and abs(share) < 10 else "×"
        canvas.put(
            axis.start(decision.epoch), row, block * (axis.end(decision.epoch) - axis.start(decision.epoch)), Role.BAR
        )


def _draw_epochs(canvas: Canvas, axis: Axis, episode: EpisodeView, row: int) -> None:
    step = next(size for size in _steps() if size * axis.width >= 6 * axis.max_epochs)
    for epoch in [1, *range(step if step > 1 else 2, axis.max_epochs + 1, step)]:
        if epoch == 1 or axis.start(epoch) - axis.left >= 3:
            canvas.put(axis.start(epoch), row, str(epoch), Role.DIM)


def _steps() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50 and so on: the distances between labels that people count in."""
    for power in count():
        for digit in (1, 2, 5):
            yield digit * 10**power


def _draw_notes(canvas: Canvas, axis: Axis, episode: EpisodeView, epoch: int, rows: int, slots: int) -> None:
    """What the lanes say at the cursor, in numbers."""
    left = axis.left + axis.width + 1
    peak = episode.epoch_at(episode.peak_epoch)
    now = episode.epoch_at(epoch)
    notes: list[tuple[int, str, Role]] = []
    if peak is not None and rows >= 2:
        notes.append((rows - 2, f"best {peak.val_accuracy:.1f} e{peak.epoch}", Role.DIM))
    if now is not None:
        notes.append((rows - 1, f"e{epoch} {format_number(now.val_accuracy, 1)} %", Role.STRONG))
    if rows >= 4:
        notes.append((0, "━ val  ╌ train", Role.DIM))
    for index in range(slots):
        slot = episode.slot_at(epoch, episode.slot_ids[index])
        notes.append((rows + index, _slot_note(slot), Role.TEXT if slot else Role.DIM))
    decision = episode.decision_at(epoch)
    refused = sum(not one.success for one in episode.decisions)
    notes.append((rows + slots, f"! {refused} refused" if refused else "none refused", Role.DIM))
    if decision is not None:
        notes.append((rows + slots + 1, f"r {format_number(decision.reward, 2, signed=True)}", Role.TEXT))
    for row, text, role in notes:
        canvas.put(left, row, cut(text, NOTES_WIDTH - 1), role)


def _slot_note(slot: SlotSnapshot | None) -> str:
    if slot is None:
        return "empty"
    amount = slot_amount(slot.stage, slot.alpha, slot.epochs_in_stage)
    worth = "" if slot.contribution is None else f" {slot.contribution:+.1f}"
    return f"{short_module(slot.blueprint)} {amount}{worth}".strip()
