"""What the operator of a run may tell one env to do."""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import AlphaCurveChoice, AlphaSpeed, AlphaTarget, Blueprint, Op, Style, Tempo


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one env is to do at its next decision, whatever its controller decides.

    The fields that are not described here are the action heads. Those that do not matter for the op keep their
    placeholders.

    slot_id: the slot; None for WAIT.
    epochs: at how many decisions in a row; more than one only for WAIT. The end of the episode ends the order.
    """

    env_id: int
    op: Op
    slot_id: str | None = None
    blueprint: Blueprint = Blueprint.NOOP
    style: Style = Style.SIGMOID_ADD
    tempo: Tempo = Tempo.STANDARD
    alpha_target: AlphaTarget = AlphaTarget.FULL
    alpha_speed: AlphaSpeed = AlphaSpeed.INSTANT
    alpha_curve: AlphaCurveChoice = AlphaCurveChoice.LINEAR
    epochs: int = 1
