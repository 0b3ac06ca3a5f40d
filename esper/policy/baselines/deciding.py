"""From the choice of a rule to the decision record that trainer, telemetry and cockpit read."""

from __future__ import annotations

import math

from esper.contracts.actions import RELEVANT_HEADS, Head, Op
from esper.policy.acting import NUM_ALTERNATIVES, Decision, HeadDecision, OpProbability
from esper.policy.baselines.rule import Choice
from esper.policy.legal import LegalChoices


class IllegalChoiceError(ValueError):
    """A controller chose what its masks forbid. This is a defect of the controller."""


def to_decision(choice: Choice, legal: LegalChoices) -> Decision:
    """The choice with its probabilities: 1 with no entropy if it was certain, 1/n with ln n if it was even.

    Raises:
        IllegalChoiceError: the masks forbid it.
    """
    _check(choice, legal)
    heads = tuple(_head(head, choice, legal) for head in Head)
    others = [op for op in legal.ops if op is not choice.op] if choice.even else []
    alternatives = [OpProbability(op=op, probability=1.0 / len(legal.ops)) for op in others]
    return Decision(
        heads=heads,
        legal_ops=legal.ops,
        alternatives=tuple(alternatives[:NUM_ALTERNATIVES]),
        entropy=sum(head.entropy for head in heads),
        value=None,
    )


def _head(head: Head, choice: Choice, legal: LegalChoices) -> HeadDecision:
    allowed = len(_allowed(head, choice.op, legal))
    drawn = choice.even and head in RELEVANT_HEADS[choice.op]
    return HeadDecision(
        head=head,
        choice=choice.actions[head],
        probability=1.0 / allowed if drawn else 1.0,
        entropy=math.log(allowed) if drawn else 0.0,
        second=None,
        second_probability=None,
        legal=allowed,
        size=legal.sizes[head],
        relevant=head in RELEVANT_HEADS[choice.op],
    )


def _allowed(head: Head, op: Op, legal: LegalChoices) -> tuple[int, ...]:
    return legal.slots_by_op[op] if head is Head.SLOT else legal.heads[head]


def _check(choice: Choice, legal: LegalChoices) -> None:
    if choice.op not in legal.ops:
        raise IllegalChoiceError(f"{choice.op.name} is not legal now: choose {', '.join(op.name for op in legal.ops)}")
    for head in RELEVANT_HEADS[choice.op]:
        allowed = _allowed(head, choice.op, legal)
        if choice.actions[head] not in allowed:
            raise IllegalChoiceError(
                f"{choice.op.name} with {head.name.lower()} {choice.actions[head]} is not legal now: "
                f"choose from {', '.join(map(str, allowed))}"
            )
