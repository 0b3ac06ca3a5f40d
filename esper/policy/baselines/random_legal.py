"""The controller random: it draws the op evenly from what is legal, then its slot, then the other heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

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
from esper.policy.baselines.rule import WAIT, Choice
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation

T = TypeVar("T")


class RandomRule:
    """Draws at random, with one number per head."""

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        op = _pick(legal.ops, uniforms[Head.OP])
        relevant = RELEVANT_HEADS[op]

        def drawn(head: Head) -> int:
            return _pick(legal.heads[head], uniforms[head]) if head in relevant else WAIT.actions[head]

        return Choice(
            op=op,
            slot=WAIT.slot if op is Op.WAIT else _pick(legal.slots_by_op[op], uniforms[Head.SLOT]),
            blueprint=Blueprint(drawn(Head.BLUEPRINT)),
            style=Style(drawn(Head.STYLE)),
            tempo=Tempo(drawn(Head.TEMPO)),
            alpha_target=AlphaTarget(drawn(Head.ALPHA_TARGET)),
            alpha_speed=AlphaSpeed(drawn(Head.ALPHA_SPEED)),
            alpha_curve=AlphaCurveChoice(drawn(Head.ALPHA_CURVE)),
            even=True,
        )


def _pick(choices: Sequence[T], uniform: float) -> T:
    return choices[int(uniform * len(choices))]
