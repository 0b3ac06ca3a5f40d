"""What the operator fills in to steer one env: only what the masks of its newest decision allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from esper.contracts.actions import (
    RELEVANT_HEADS,
    AlphaCurveChoice,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    Head,
    Op,
    Style,
    Tempo,
)
from esper.contracts.orders import Order
from esper.telemetry.events import LastAction, TrainingStarted
from esper_tui.state.snapshot import EnvRow

WAITS: Final = (1, 2, 3, 5, 10, 20, 50)
"""The numbers of epochs to wait that are offered."""

HEAD_OPTIONS: Final[dict[str, Sequence[object]]] = {
    "style": tuple(Style),
    "tempo": tuple(Tempo),
    "alpha_target": tuple(AlphaTarget),
    "alpha_speed": tuple(AlphaSpeed),
    "alpha_curve": tuple(AlphaCurveChoice),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderForm:
    """A form as it is filled in.

    order: what it says now.
    decision: the newest of the env, whose masks it offers; None before the first.
    row: the field at the cursor.
    """

    order: Order
    slot_ids: tuple[str, ...]
    blueprints: tuple[Blueprint, ...]
    decision: LastAction | None
    row: int = 0

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the order that matter for its op."""
        if self.order.op is Op.WAIT:
            return ("op", "epochs")
        relevant = RELEVANT_HEADS[self.order.op] - {Head.OP, Head.SLOT}
        return ("op", "slot_id", *(head.name.lower() for head in sorted(relevant)))

    def options(self, name: str) -> Sequence[object]:
        """What a field may be."""
        match name:
            case "op":
                return [op for op in Op if op is Op.WAIT or self.slots_of(op)]
            case "epochs":
                return WAITS
            case "slot_id":
                return self.slots_of(self.order.op)
            case "blueprint":
                return self.blueprints
            case _:
                return HEAD_OPTIONS[name]

    def slots_of(self, op: Op) -> list[str]:
        """The slots on which an op was possible at the newest decision."""
        masks = self.decision.op_masks if self.decision is not None else None
        mask = next((one for one in masks or () if one.op == op.name), None)
        if mask is None or (op is Op.GERMINATE and not self.blueprints):
            return []
        return [slot for slot, reason in zip(self.slot_ids, mask.slots, strict=True) if reason is None]

    def value(self, name: str) -> object:
        return getattr(self.order, name)

    def moved(self, rows: int) -> OrderForm:
        """With the cursor on another field."""
        return replace(self, row=(self.row + rows) % len(self.fields))

    def changed(self, steps: int) -> OrderForm:
        """With the next option in the field at the cursor. Another op begins with its first slot and module."""
        name = self.fields[self.row]
        options = self.options(name)
        chosen = options[(options.index(self.value(name)) + steps) % len(options)]
        if not isinstance(chosen, Op):
            return replace(self, order=replace(self.order, **{name: chosen}))
        slots = self.slots_of(chosen)
        order = Order(env_id=self.order.env_id, op=chosen, slot_id=slots[0] if slots else None)
        return replace(self, order=replace(order, blueprint=self.blueprints[0]) if chosen is Op.GERMINATE else order)


def blank_form(row: EnvRow, run: TrainingStarted) -> OrderForm:
    """A form for an env that says to wait for one epoch."""
    return OrderForm(
        order=Order(env_id=row.env_id, op=Op.WAIT),
        slot_ids=run.slot_ids,
        blueprints=run.blueprints or (),
        decision=row.decision,
    )


def order_words(order: Order) -> str:
    """An order in one line.

    >>> order_words(Order(env_id=3, op=Op.PRUNE, slot_id="r0c1"))
    'env 03 prune r0c1'
    """
    where = "" if order.slot_id is None else f" {order.slot_id}"
    module = f" {order.blueprint.name.lower()}" if order.op is Op.GERMINATE else ""
    times = f" {order.epochs} epoch{'' if order.epochs == 1 else 's'}" if order.op is Op.WAIT else ""
    return f"env {order.env_id:02d} {order.op.name.lower()}{where}{module}{times}"
