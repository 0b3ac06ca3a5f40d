"""What the operator of a run ordered, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from esper.contracts.actions import AlphaCurveChoice, AlphaSpeed, AlphaTarget, Blueprint, Op, Style, Tempo
from esper.telemetry.bounds import Batch, EnvId, EpisodeLength, Epoch, Share
from esper.telemetry.events.kinds import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOrdered:
    """The operator told one env what to do. The order comes due at the env's next decision that has none yet.

    The fields that are not described here are those of the order (esper.contracts.orders). The action heads carry the
    choice of the head and are called ordered_...: in other events op, blueprint or alpha_target are what became of it.

    batch, epoch: the trainer took the order before the decisions of this epoch. A run that goes on from an earlier
        checkpoint takes it there again.
    """

    kind: ClassVar[EventKind] = EventKind.OPERATOR_ORDERED
    env_id: EnvId
    batch: Batch
    epoch: Epoch
    ordered_op: Op
    slot_id: str | None
    ordered_blueprint: Blueprint
    ordered_style: Style
    ordered_tempo: Tempo
    ordered_alpha_target: AlphaTarget
    ordered_alpha_speed: AlphaSpeed
    ordered_alpha_curve: AlphaCurveChoice
    epochs: EpisodeLength


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAct:
    """An order that came due at a decision.

    op, slot_id: what was ordered.
    policy_op: what the controller had decided.
    policy_probability: the probability of that.
    refused: why the order was not carried out, so that the controller's decision stood; None if it was carried out.
    """

    op: str
    slot_id: str | None
    policy_op: str
    policy_probability: Share
    refused: str | None
