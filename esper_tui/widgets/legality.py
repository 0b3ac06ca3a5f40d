"""Why an op was not legal, in the few words that fit into a panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from esper.contracts.legality import IllegalReason
from esper.telemetry.events import LastAction, OpMask
from esper_tui.state.metrics import MISSING
from esper_tui.widgets.text import Line, cut, dim, label, line, pad, wrap
from esper_tui.widgets.vocabulary import OP_WORDS, short_op

REASON_WORDS: Final[dict[IllegalReason, str]] = {
    IllegalReason.EMPTY: "no seed",
    IllegalReason.OCCUPIED: "no empty slot",
    IllegalReason.AUTOMATIC: "gates are passed automatically",
    IllegalReason.STAGE: "no seed in a stage for it",
    IllegalReason.MAX_SEEDS: "as many seeds as growth.max_seeds",
    IllegalReason.INCUBATING: "another seed incubates",
    IllegalReason.TOO_YOUNG: "too young",
    IllegalReason.RAMPING: "α on a ramp",
    IllegalReason.GATE: "gate closed",
}
STAGE_WORDS: Final[dict[str, str]] = {
    "SET_ALPHA_TARGET": "none blends or holds",
    "PRUNE": "none alive",
    "FOSSILIZE": "none holding",
    "ADVANCE": "none with a next stage",
}
"""What IllegalReason.STAGE means for an op."""

OF_ONE_SLOT: Final = frozenset({IllegalReason.TOO_YOUNG, IllegalReason.RAMPING, IllegalReason.GATE})
"""Reasons that name the slot which comes nearest."""


def illegal_ops(decision: LastAction) -> list[str]:
    """The ops that the mask took away, in the order of the op words; none where that is not known."""
    return [] if decision.legal_ops is None else [op for op in OP_WORDS if op not in decision.legal_ops]


def mask_of(decision: LastAction, op: str) -> OpMask | None:
    """Slot by slot, why an op was not possible; None in an old recording, and for WAIT."""
    return next((mask for mask in decision.op_masks or () if mask.op == op), None)


def reason_words(mask: OpMask, slot_ids: Sequence[str]) -> str:
    """Why the op was possible on no slot: the reason of the slot that lacks the least.

    >>> reason_words(OpMask(op="GERMINATE", slots=(IllegalReason.OCCUPIED,), gate=None), ["r0c0"])
    'no empty slot'
    """
    near = max(
        (place for place, reason in enumerate(mask.slots) if reason is not None),
        key=lambda place: _nearness(mask.slots[place]),
        default=None,
    )
    reason = None if near is None else mask.slots[near]
    if near is None or reason is None:
        return "not said"
    if reason is IllegalReason.STAGE:
        return STAGE_WORDS.get(mask.op, REASON_WORDS[reason])
    words = REASON_WORDS[reason]
    if reason is IllegalReason.GATE and mask.gate is not None:
        words = mask.gate.replace(" not passed:", "")
    return f"{slot_ids[near]} {words}" if reason in OF_ONE_SLOT and near < len(slot_ids) else words


def _nearness(reason: IllegalReason | None) -> int:
    return -1 if reason is None else reason.nearness


def illegal_lines(decision: LastAction, slot_ids: Sequence[str], width: int) -> list[Line]:
    """One row per reason with the ops that it took away; a row of ops where the recording has no reasons."""
    ops = illegal_ops(decision)
    if decision.legal_ops is None:
        return [line(label(pad("illegal", 8)), dim(MISSING))]
    if decision.op_masks is None or not ops:
        words = [short_op(op) for op in ops] or ["none"]
        return wrap([label("illegal"), *[dim(word) for word in words]], width, gap=" ")
    by_reason: dict[str, list[str]] = {}
    for op in ops:
        by_reason.setdefault(_why(decision, op, slot_ids), []).append(short_op(op))
    return [
        line(label(pad("illegal" if place == 0 else "", 8)), dim(cut(f"{' '.join(words)} {why}", max(1, width - 8))))
        for place, (why, words) in enumerate(by_reason.items())
    ]


def _why(decision: LastAction, op: str, slot_ids: Sequence[str]) -> str:
    mask = mask_of(decision, op)
    return "not said" if mask is None else reason_words(mask, slot_ids)
