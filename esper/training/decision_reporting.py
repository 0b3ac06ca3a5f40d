"""The `last_action` payload: what was chosen, how likely, what was legal, and what it earned."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import Head, Op, choice_name
from esper.policy.acting import Decision, HeadDecision
from esper.telemetry.events import Alternative, HeadChoice, LastAction, NamedValue
from esper.training.vectorized_types import ActionOutcome, ActionSpec


def last_action_payload(
    decision: Decision,
    spec: ActionSpec,
    outcome: ActionOutcome,
    *,
    env_id: int,
    batch: int,
    epoch: int,
    slot_ids: Sequence[str],
) -> LastAction:
    """One env's decision of one epoch, with its outcome."""
    components = outcome.reward_components
    assert components is not None, "a decision is reported after it was paid"
    return LastAction(
        env_id=env_id,
        batch=batch,
        epoch=epoch,
        op=spec.op.name,
        effective_op=spec.action_for_reward.name,
        slot_id=spec.target_slot,
        success=outcome.action_success,
        refusal=outcome.refusal,
        heads=tuple(_head_choice(head, tuple(slot_ids)) for head in decision.heads),
        legal_ops=tuple(op.name for op in decision.legal_ops),
        alternatives=tuple(
            Alternative(op=item.op.name, probability=item.probability) for item in decision.alternatives
        ),
        decision_entropy=decision.entropy,
        value_estimate=decision.value,
        op_values=_op_values(decision),
        reward=outcome.reward_raw,
        reward_normalized=outcome.reward_normalized,
        episode_reward=outcome.episode_reward,
        reward_terms=tuple(NamedValue(name=term.name, value=term.value) for term in components.terms),
    )


def _op_values(decision: Decision) -> tuple[NamedValue, ...]:
    """One value per op, or nothing from a controller without a critic."""
    if not decision.op_values:
        return ()
    return tuple(NamedValue(name=op.name, value=value) for op, value in zip(Op, decision.op_values, strict=True))


def _head_choice(head: HeadDecision, slot_ids: tuple[str, ...]) -> HeadChoice:
    name = choice_name(head.head, head.choice, slot_ids)
    return HeadChoice(
        head=head.head.name.lower(),
        choice=name if head.head is Head.OP else name.lower(),
        probability=head.probability,
        entropy=head.entropy,
        legal=head.legal,
        size=head.size,
        masked=head.masked,
        relevant=head.relevant,
    )
