"""The operator's orders: taken from outside between two epochs, recorded, and carried out at a decision."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from esper.contracts.actions import Head, Op
from esper.contracts.orders import Order
from esper.growth.lifecycle.predicates import GardenView, refusal
from esper.policy.acting import Decision
from esper.policy.baselines.deciding import IllegalChoiceError, to_decision
from esper.policy.baselines.rule import Choice
from esper.policy.legal import LegalChoices
from esper.telemetry.events import OperatorAct, OperatorOrdered
from esper.telemetry.hub import Hub
from esper.training.ranks.protocol import SINGLE, Ranks
from esper.training.run_control import RunControl


class OrderBook:
    """The orders of one batch, env by env, in the order in which they came.

    What is left of them when the batch is over is dropped, because every env begins with a fresh host.
    """

    def __init__(
        self,
        batch: int,
        control: RunControl,
        hub: Hub,
        *,
        groups: Mapping[int, str],
        recorded: Sequence[OperatorOrdered] = (),
        ranks: Ranks = SINGLE,
    ) -> None:
        """An empty book.

        groups: the policy group of each env.
        recorded: the orders that an interrupted run had taken in this batch and that are to be taken again.
        ranks: the processes of the run, of which the first one meets the operator.
        """
        self._batch = batch
        self._control = control
        self._hub = hub
        self._groups = groups
        self._recorded = recorded
        self._ranks = ranks
        self._due: defaultdict[int, deque[Order]] = defaultdict(deque)

    def take(self, epoch: int) -> None:
        """Take what was ordered before the decisions of this epoch."""
        for event in self._recorded:
            if event.epoch == epoch:
                self._queue(recorded_order(event))
        for order in self._ranks.from_first(self._control.take_orders):
            event = order_event(order, batch=self._batch, epoch=epoch)
            self._hub.emit(event, group_id=self._groups[order.env_id])
            self._queue(order)

    def next_for(self, env_id: int) -> Order | None:
        """The order that comes due at this decision of the env. It is not given twice."""
        orders = self._due[env_id]
        return orders.popleft() if orders else None

    def _queue(self, order: Order) -> None:
        self._due[order.env_id].extend([order] * order.epochs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed:
    """What is done at a decision to which an order came due.

    decision: the operator's, or the controller's where the order was refused. The critic's values are the controller's.
    """

    decision: Decision
    act: OperatorAct

    @property
    def by_operator(self) -> bool:
        return self.act.refused is None


def obey(order: Order, own: Decision, *, legal: LegalChoices, view: GardenView, slot_ids: Sequence[str]) -> Obeyed:
    """Carry the order over into a decision if it is legal now.

    own: what the controller decided.
    """
    decision, refused = own, _refusal(order, view, slot_ids)
    if refused is None:
        try:
            chosen = to_decision(_choice(order, slot_ids), legal)
            decision = replace(chosen, value=own.value, op_values=own.op_values)
        except IllegalChoiceError as error:
            refused = str(error)
    act = OperatorAct(
        op=order.op.name,
        slot_id=order.slot_id,
        policy_op=own.op.name,
        policy_probability=own.heads[Head.OP].probability,
        refused=refused,
    )
    return Obeyed(decision=decision, act=act)


def _refusal(order: Order, view: GardenView, slot_ids: Sequence[str]) -> str | None:
    """Why the op is not possible on the slot now, in the words of the predicates."""
    if order.op is Op.WAIT:
        return None
    if order.slot_id not in slot_ids:
        return f"there is no slot {order.slot_id}"
    found = refusal(view, order.op, slot_ids.index(order.slot_id))
    return None if found is None else found.words


def _choice(order: Order, slot_ids: Sequence[str]) -> Choice:
    return Choice(
        op=order.op,
        slot=0 if order.slot_id is None else slot_ids.index(order.slot_id),
        blueprint=order.blueprint,
        style=order.style,
        tempo=order.tempo,
        alpha_target=order.alpha_target,
        alpha_speed=order.alpha_speed,
        alpha_curve=order.alpha_curve,
    )


def order_event(order: Order, *, batch: int, epoch: int) -> OperatorOrdered:
    """The order as it is recorded.

    batch, epoch: when the trainer took it.
    """
    return OperatorOrdered(
        env_id=order.env_id,
        batch=batch,
        epoch=epoch,
        slot_id=order.slot_id,
        epochs=order.epochs,
        ordered_op=order.op,
        ordered_blueprint=order.blueprint,
        ordered_style=order.style,
        ordered_tempo=order.tempo,
        ordered_alpha_target=order.alpha_target,
        ordered_alpha_speed=order.alpha_speed,
        ordered_alpha_curve=order.alpha_curve,
    )


def recorded_order(event: OperatorOrdered) -> Order:
    """The order that was recorded."""
    return Order(
        env_id=event.env_id,
        op=event.ordered_op,
        slot_id=event.slot_id,
        blueprint=event.ordered_blueprint,
        style=event.ordered_style,
        tempo=event.ordered_tempo,
        alpha_target=event.ordered_alpha_target,
        alpha_speed=event.ordered_alpha_speed,
        alpha_curve=event.ordered_alpha_curve,
        epochs=event.epochs,
    )
