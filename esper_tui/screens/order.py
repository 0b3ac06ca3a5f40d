"""Asks what one env is to do at its next decision: the operator takes the stick."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from esper.contracts.actions import Op
from esper.contracts.orders import Order
from esper_tui.screens.sizing import CockpitModal
from esper_tui.state.order_form import OrderForm
from esper_tui.widgets.legality import REASON_WORDS, illegal_lines, mask_of
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, pad, strong, wrap

HINT: Final = "↑ ↓ field · ← → choose · Enter order it · Esc leave it"
FIELD_WORDS: Final[dict[str, str]] = {
    "op": "op",
    "epochs": "epochs",
    "slot_id": "slot",
    "blueprint": "module",
    "style": "style",
    "tempo": "tempo",
    "alpha_target": "α goal",
    "alpha_speed": "α speed",
    "alpha_curve": "α curve",
}


def form_lines(form: OrderForm, width: int) -> list[Line]:
    """The fields, and below them what was not legal and why."""
    lines = [_field_line(form, name, is_here=row == form.row) for row, name in enumerate(form.fields)]
    lines.append(())
    decision = form.decision
    if decision is None or decision.op_masks is None:
        text = "no decision of this env is known yet, so it can only be told to wait"
        return [*lines, *wrap([dim(word) for word in text.split()], width, gap=" ")]
    lines += illegal_lines(decision, form.slot_ids, width)
    lines += _other_slots(form)
    text = f"as it was at e{decision.epoch}; checked again at the next decision, which refuses what is not legal then"
    return [*lines, (), *wrap([dim(word) for word in text.split()], width, gap=" ")]


def _field_line(form: OrderForm, name: str, *, is_here: bool) -> Line:
    value = form.value(name)
    word = value.name.lower() if isinstance(value, Enum) else str(value)
    options = len(form.options(name))
    shown = f"◂ {word} ▸" if options > 1 else f"  {word}"
    return line(
        Span("▸ " if is_here else "  ", Role.ACCENT),
        label(pad(FIELD_WORDS[name], 9)),
        strong(pad(shown, 22)) if is_here else pad(shown, 22),
        dim(f"{options} to choose from" if options > 1 else ""),
    )


def _other_slots(form: OrderForm) -> list[Line]:
    """Why the chosen op was not possible on the slots that are not offered."""
    if form.order.op is Op.WAIT or form.decision is None:
        return []
    mask = mask_of(form.decision, form.order.op.name)
    if mask is None:
        return []
    return [
        line(label(pad("not in", 8)), dim(f"{slot}: {REASON_WORDS[reason]}"))
        for slot, reason in zip(form.slot_ids, mask.slots, strict=True)
        if reason is not None
    ]


class OrderScreen(CockpitModal[Order | None]):
    """Enter closes it with the order, Esc without."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "close"),
        Binding("enter", "give", "order it"),
        Binding("down,j,tab", "move(1)", "next field"),
        Binding("up,k,shift+tab", "move(-1)", "previous field"),
        Binding("right,l,space", "change(1)", "next choice"),
        Binding("left,h", "change(-1)", "previous choice"),
    ]

    def __init__(self, form: OrderForm) -> None:
        super().__init__()
        self.form = form

    def compose(self) -> ComposeResult:
        with Vertical(id="order", classes="dialog") as dialog:
            dialog.border_title = f"ORDER env {self.form.order.env_id:02d} at its next decision"
            dialog.border_subtitle = HINT
            yield LinePanel(id="order-form")

    def on_mount(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        panel = self.query_one(LinePanel)
        panel.show(form_lines(self.form, panel.size.width))

    def action_move(self, rows: int) -> None:
        self.form = self.form.moved(rows)
        self._show()

    def action_change(self, steps: int) -> None:
        self.form = self.form.changed(steps)
        self._show()

    def action_give(self) -> None:
        self.dismiss(self.form.order)
