"""One word for an env, and why: its accuracies against the limits and against the fleet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from esper.telemetry.events import EpisodeOutcome, EpochCompleted, GovernorRollback
from esper_tui.state.metrics import format_number
from esper_tui.state.rules import Level, judge, shorten
from esper_tui.state.snapshot import EnvStatus

DELTA_EPOCHS: Final = 10
NOTABLE_CHANGE: Final = 0.5
"""Points of accuracy over DELTA_EPOCHS from which an env counts as going up or down."""

ROLLBACK_SHOWN_EPOCHS: Final = 10
SMALLEST_FLEET: Final = 4
"""Fewer envs say nothing about what is usual in the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReference:
    """What is usual in the fleet at the moment: medians over the envs, zero in fleets that are too small to say.

    drop: percentage points below the episode's best.
    stall: epochs since the episode's best.
    """

    drop: float = 0.0
    stall: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The word for an env, and for an alert what was measured.

    rule: the metric whose limit was passed; empty when fine.
    """

    status: EnvStatus
    level: Level = Level.FINE
    rule: str = ""
    text: str = ""


WAITING: Final = Judgement(status=EnvStatus.WAITING)


def drop_and_stall(accuracies: Sequence[float]) -> tuple[float, int]:
    """Points below the best, and epochs since it."""
    best_at = max(range(len(accuracies)), key=accuracies.__getitem__)
    return accuracies[best_at] - accuracies[-1], len(accuracies) - 1 - best_at


def fleet_reference(envs: Sequence[Sequence[float]]) -> FleetReference:
    """The medians over the envs that have accuracies which are numbers."""
    every = [drop_and_stall(accuracies) for accuracies in envs if accuracies]
    pairs = [(drop, stall) for drop, stall in every if math.isfinite(drop)]
    if len(pairs) < SMALLEST_FLEET:
        return FleetReference()
    return FleetReference(drop=median(drop for drop, _ in pairs), stall=float(median(stall for _, stall in pairs)))


def delta(accuracies: Sequence[float]) -> float | None:
    """Change over the last DELTA_EPOCHS; None below two epochs."""
    if len(accuracies) < 2:
        return None
    return accuracies[-1] - accuracies[max(0, len(accuracies) - 1 - DELTA_EPOCHS)]


def judge_env(
    newest: EpochCompleted | None,
    accuracies: Sequence[float],
    *,
    rollback: GovernorRollback | None,
    outcome: EpisodeOutcome | None,
    max_epochs: int,
    fleet: FleetReference,
) -> Judgement:
    """The worst that can be said of an env now."""
    if newest is None:
        return WAITING
    measured = [loss for loss in (newest.val_loss, newest.train_loss) if loss is not None]
    if not all(map(math.isfinite, measured)):
        losses = f"val loss {format_number(newest.val_loss, 2)}, train loss {format_number(newest.train_loss, 2)}"
        return _not_a_number(losses)
    if rollback is not None and newest.epoch - rollback.epoch <= ROLLBACK_SHOWN_EPOCHS:
        limit = "" if rollback.threshold is None else f", limit {rollback.threshold:.3g}"
        text = f"{rollback.reason} e{rollback.epoch}: loss {format_number(rollback.loss, 2)}{limit}"
        return Judgement(status=EnvStatus.ROLLED_BACK, level=Level.CRITICAL, rule="governor", text=text)
    if outcome is not None:
        return Judgement(status=EnvStatus.DONE)
    return _judge_trend(accuracies, max_epochs, fleet)


def _not_a_number(text: str) -> Judgement:
    return Judgement(status=EnvStatus.NOT_A_NUMBER, level=Level.CRITICAL, rule="finite", text=text)


def _judge_trend(accuracies: Sequence[float], max_epochs: int, fleet: FleetReference) -> Judgement:
    drop, stall = drop_and_stall(accuracies)
    if not math.isfinite(drop):
        return _not_a_number(f"accuracy {format_number(accuracies[-1], 1)}")
    best_epoch = len(accuracies) - stall
    fallen = judge("accuracy_drop", drop - fleet.drop)
    if fallen.level is not Level.FINE:
        assert fallen.limit is not None
        usual = f", fleet −{fleet.drop:.1f}" if fleet.drop else ""
        text = f"−{drop:.1f} pts vs best e{best_epoch}{usual}, limit {shorten(fallen.limit)}"
        return Judgement(status=EnvStatus.FALLEN, level=fallen.level, rule="accuracy_drop", text=text)
    stalled = judge("epochs_without_best", stall - fleet.stall, reference=max_epochs)
    if stalled.level is not Level.FINE:
        assert stalled.limit is not None
        usual = f", fleet {fleet.stall:.0f}" if fleet.stall else ""
        text = f"no best for {stall} epochs{usual}, limit {shorten(round(stalled.limit * max_epochs, 1))}"
        return Judgement(status=EnvStatus.STALLED, level=stalled.level, rule="epochs_without_best", text=text)
    change = delta(accuracies)
    if change is None or abs(change) <= NOTABLE_CHANGE:
        return Judgement(status=EnvStatus.FLAT)
    return Judgement(status=EnvStatus.UP if change > 0 else EnvStatus.DOWN)
