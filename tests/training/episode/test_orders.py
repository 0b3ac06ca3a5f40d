"""The operator's orders in real training: carried out at the next decision, refused with a reason, and repeated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from short_runs import short_config

from esper.checkpoints import train_recorded
from esper.contracts.actions import Blueprint, Op
from esper.contracts.orders import Order
from esper.history import read_events
from esper.history.recording import open_recording, resume_recording
from esper.history.resuming import find_resume_point
from esper.telemetry.events import EpochCompleted, Event, LastAction, OperatorOrdered
from esper.telemetry.hub import Hub
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_ppo_vectorized

GERMINATE = Order(env_id=1, op=Op.GERMINATE, slot_id="r0c1", blueprint=Blueprint.NORM)


@dataclass
class Operator:
    """Gives orders when an epoch of env 0 was measured, and remembers every event."""

    control: RunControl
    orders: dict[tuple[int, int], Order] = field(default_factory=dict[tuple[int, int], Order])
    events: list[Event] = field(default_factory=list[Event])
    name: str = "operator"
    critical: bool = True

    def accept(self, event: Event) -> None:
        self.events.append(event)
        match event.payload:
            case EpochCompleted(env_id=0, batch=batch, epoch=epoch) if (batch, epoch) in self.orders:
                self.control.give_order(self.orders[batch, epoch])
            case _:
                pass

    def close(self) -> None:
        pass

    def decisions(self, env_id: int) -> list[LastAction]:
        found = [event.payload for event in self.events if isinstance(event.payload, LastAction)]
        return [one for one in found if one.env_id == env_id]


def trained(*orders: Order) -> Operator:
    """One round of two envs and four epochs, with orders given before it begins."""
    control = RunControl()
    operator, hub = Operator(control), Hub()
    hub.add_sink(operator)
    for order in orders:
        control.give_order(order)
    train_ppo_vectorized(short_config("run.rounds=1"), RunHooks(hub=hub, control=control))
    return operator


def test_an_order_is_carried_out_at_the_next_decision_of_its_env_and_recorded_as_such() -> None:
    operator = trained(GERMINATE)
    first, *rest = operator.decisions(1)
    assert first.by_operator
    assert (first.op, first.slot_id, first.success) == ("GERMINATE", "r0c1", True)
    assert next(head.choice for head in first.heads if head.head == "blueprint") == "norm"
    assert first.operator is not None
    assert first.operator.policy_op in {"WAIT", "GERMINATE"}
    assert 0 < first.operator.policy_probability <= 1
    assert first.value_estimate is not None, "the critic saw the state all the same"
    assert not any(one.operator for one in [*rest, *operator.decisions(0)])
    (ordered,) = [event.payload for event in operator.events if isinstance(event.payload, OperatorOrdered)]
    assert (ordered.env_id, ordered.batch, ordered.epoch, ordered.ordered_op) == (1, 1, 1, Op.GERMINATE)


def test_waiting_is_ordered_for_several_decisions_and_orders_follow_each_other() -> None:
    operator = trained(Order(env_id=0, op=Op.WAIT, epochs=2), Order(env_id=0, op=Op.GERMINATE, slot_id="r0c0"))
    decisions = operator.decisions(0)
    assert [one.op for one in decisions[:2]] == ["WAIT", "WAIT"]
    assert [one.by_operator for one in decisions] == [True, True, False, False]
    assert decisions[2].operator is not None
    assert decisions[2].operator.refused is not None
    assert "blueprint 0 is not legal" in decisions[2].operator.refused, "NOOP cannot be planted"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (Order(env_id=0, op=Op.PRUNE, slot_id="r0c0"), "the slot is empty"),
        (Order(env_id=0, op=Op.PRUNE, slot_id="r9c9"), "there is no slot r9c9"),
    ],
)
def test_an_order_that_is_not_legal_leaves_the_decision_to_the_policy(order: Order, reason: str) -> None:
    first = trained(order).decisions(0)[0]
    undisturbed = trained().decisions(0)[0]
    assert first.operator is not None
    assert (first.operator.op, first.operator.refused) == ("PRUNE", reason)
    assert not first.by_operator
    assert (first.op, first.heads, first.reward) == (undisturbed.op, undisturbed.heads, undisturbed.reward)


def test_what_is_left_of_an_order_ends_with_the_episode() -> None:
    control = RunControl()
    operator, hub = Operator(control), Hub()
    hub.add_sink(operator)
    control.give_order(Order(env_id=0, op=Op.WAIT, epochs=100))
    train_ppo_vectorized(short_config("run.rounds=2"), RunHooks(hub=hub, control=control))
    assert [one.by_operator for one in operator.decisions(0)] == [True] * 4 + [False] * 4


ORDERS = {(2, 1): GERMINATE, (2, 2): Order(env_id=0, op=Op.WAIT, epochs=2), (3, 4): Order(env_id=0, op=Op.WAIT)}
"""The last one is given when its round has no decision left, and comes due in the next."""


def recorded(tmp_path: Path) -> tuple[Path, TrainingResult]:
    config = short_config("run.rounds=4", "run.checkpoint_interval=1", "run.keep_checkpoints=0")
    control = RunControl()
    with open_recording(config, tmp_path) as recording:
        recording.hub.add_sink(Operator(control, ORDERS))
        result = train_recorded([GroupSpec(config=config)], recording, control, note=print)
    return recording.directory.path, result


def resumed(path: Path) -> TrainingResult:
    """The run gone on with from its first round, without an operator."""
    point = find_resume_point(path / "checkpoints" / "round-000001", {})
    with resume_recording(point) as recording:
        return train_recorded([], recording, RunControl(), point, note=print)


def done(path: Path) -> list[LastAction]:
    return [one.payload for one in read_events(path) if isinstance(one.payload, LastAction)]


def test_a_resumed_run_repeats_what_the_operator_did(tmp_path: Path) -> None:
    path, whole = recorded(tmp_path)
    acts = done(path)
    assert [(one.batch, one.epoch, one.env_id) for one in acts if one.by_operator] == [
        (2, 2, 1),
        (2, 3, 0),
        (2, 4, 0),
        (4, 1, 0),
    ]
    expected = [one.without_timings() for one in whole.summaries[1:]]
    for _ in range(2):  # The second time, the log holds the orders only as the first resumption recorded them anew.
        assert [one.without_timings() for one in resumed(path).summaries] == expected
        assert done(path) == acts


def test_an_order_that_came_too_late_before_a_stop_comes_due_when_the_run_goes_on(tmp_path: Path) -> None:
    config, control = short_config("run.rounds=2", "run.checkpoint_interval=1"), RunControl()

    def stop(_: object) -> None:
        control.give_order(GERMINATE)
        control.request_stop_after_round()

    with open_recording(config, tmp_path) as recording:
        hooks = RunHooks(
            hub=recording.hub,
            run_id=recording.run_id,
            control=control,
            on_rollout=stop,
            on_summary=recording.on_summary,
            on_checkpoint=recording.on_checkpoint,
        )
        train_ppo_vectorized(config, hooks)
    path = recording.directory.path
    assert not any(one.operator for one in done(path))
    resumed(path)
    assert [(one.batch, one.epoch, one.env_id) for one in done(path) if one.by_operator] == [(2, 1, 1)]
