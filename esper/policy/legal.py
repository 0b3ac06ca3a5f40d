"""The masks of a decision as plain choices, for controllers that reason env by env."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from esper.contracts.actions import Head, Op, head_sizes
from esper.contracts.legality import IllegalReason, Refusal
from esper.growth.lifecycle.predicates import GardenView, refusal
from esper.policy.masks import ActionMasks


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalChoices:
    """What one env may do now.

    ops: the legal ops, in the order of Op.
    slots_by_op: for each op, the slots on which it is possible; empty for an op that is possible nowhere.
    heads: for each head, its legal choices. For the slot head, slots_by_op holds them.
    sizes: how many choices each head has.
    """

    ops: tuple[Op, ...]
    slots_by_op: tuple[tuple[int, ...], ...]
    heads: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]

    def allows(self, op: Op, slot: int) -> bool:
        return slot in self.slots_by_op[op]

    def first_slot(self, op: Op) -> int | None:
        """The first slot on which op is possible, or None."""
        return next(iter(self.slots_by_op[op]), None)


def legal_choices(masks: ActionMasks, num_slots: int) -> tuple[LegalChoices, ...]:
    """One record per env.

    masks: must be on the CPU.
    """
    heads_ehn = cast("list[list[list[bool]]]", masks.heads_ehn.tolist())
    slots_eon = cast("list[list[list[bool]]]", masks.slot_by_op_eon.tolist())
    sizes = head_sizes(num_slots)
    return tuple(_legal(heads, slots, sizes) for heads, slots in zip(heads_ehn, slots_eon, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpLegality:
    """On which slots an op is possible now, and why not on the others.

    refusals: in slot order, None where the op is possible.
    """

    op: Op
    refusals: tuple[Refusal | None, ...]

    @property
    def gate_words(self) -> str | None:
        """What the first closed gate lacks, or None if no gate is the reason."""
        return next((one.words for one in self.refusals if one and one.reason is IllegalReason.GATE), None)


def op_legality(view: GardenView) -> tuple[OpLegality, ...]:
    """The reasons behind the masks of one env: a record per op except WAIT, which is always possible."""
    slots = range(len(view.slots))
    return tuple(
        OpLegality(op=op, refusals=tuple(refusal(view, op, slot) for slot in slots)) for op in Op if op is not Op.WAIT
    )


def _legal(heads_hn: list[list[bool]], slots_on: list[list[bool]], sizes: tuple[int, ...]) -> LegalChoices:
    ops = tuple(Op(index) for index in _true(heads_hn[Head.OP]))
    return LegalChoices(
        ops=ops,
        slots_by_op=tuple(_true(slots_on[op]) if op in ops else () for op in Op),
        heads=tuple(_true(row) for row in heads_hn),
        sizes=sizes,
    )


def _true(row: list[bool]) -> tuple[int, ...]:
    return tuple(index for index, legal in enumerate(row) if legal)
