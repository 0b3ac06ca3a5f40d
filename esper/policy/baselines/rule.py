"""What a baseline is made of: a rule that looks at one env and chooses one action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from esper.contracts.actions import AlphaCurveChoice, AlphaSpeed, AlphaTarget, Blueprint, Op, Style, Tempo
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One action. Heads that do not matter for the op keep their placeholders, which are the defaults.

    even: whether each head was drawn with equal chances from what was legal; if not, it was chosen with certainty.
    """

    op: Op = Op.WAIT
    slot: int = 0
    blueprint: Blueprint = Blueprint.NOOP
    style: Style = Style.SIGMOID_ADD
    tempo: Tempo = Tempo.STANDARD
    alpha_target: AlphaTarget = AlphaTarget.FULL
    alpha_speed: AlphaSpeed = AlphaSpeed.INSTANT
    alpha_curve: AlphaCurveChoice = AlphaCurveChoice.LINEAR
    even: bool = False

    @property
    def actions(self) -> tuple[int, ...]:
        """The index of every head, in head order."""
        return (
            self.slot,
            self.blueprint,
            self.style,
            self.tempo,
            self.alpha_target,
            self.alpha_speed,
            self.alpha_curve,
            self.op,
        )


WAIT: Final = Choice()


class Rule(Protocol):
    """Decides for one env during one episode. Its memory ends with the episode."""

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        """One legal action.

        uniforms: one number in [0, 1) per head, for rules that draw at random.
        """
        ...


def on_slot(legal: LegalChoices, op: Op, slot: int) -> Choice:
    """The op on this slot if it is legal there, else WAIT."""
    return Choice(op=op, slot=slot) if legal.allows(op, slot) else WAIT


def germinate(legal: LegalChoices, blueprint: Blueprint) -> Choice:
    """Germinate in the first slot where that is legal, else WAIT."""
    slot = legal.first_slot(Op.GERMINATE)
    return WAIT if slot is None else Choice(op=Op.GERMINATE, slot=slot, blueprint=blueprint)
