"""One env's part of the reducer: from its events to its row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final

from esper.contracts.stages import SeedStage
from esper.telemetry.events import (
    EpisodeOutcome,
    EpochCompleted,
    GovernorRollback,
    LastAction,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    SlotSnapshot,
)
from esper_tui.state.rules import Level, Verdict, judge
from esper_tui.state.snapshot import EnvRow, EnvStatus, SlotView

DELTA_EPOCHS: Final = 10
TREND_LENGTH: Final = 24
NOTABLE_CHANGE: Final = 0.5
"""Points of accuracy over DELTA_EPOCHS from which an env counts as going up or down."""

ROLLBACK_SHOWN_EPOCHS: Final = 10

SeedEvent = SeedGerminated | SeedStageChanged | SeedFossilized | SeedPruned


@dataclass(slots=True, kw_only=True)
class EnvState:
    """Everything known of one env in its current episode.

    accuracies: one per host epoch of the episode.
    """

    env_id: int
    max_epochs: int
    slot_ids: tuple[str, ...]
    batch: int | None = None
    accuracies: list[float] = field(default_factory=list[float])
    newest: EpochCompleted | None = None
    slots: dict[str, SlotView] = field(default_factory=dict[str, SlotView])
    decision: LastAction | None = None
    rollback_epoch: int | None = None
    outcome: EpisodeOutcome | None = None
    row: EnvRow | None = None

    def copy(self) -> EnvState:
        """An independent copy: what it shares with the original is immutable."""
        return replace(self, accuracies=list(self.accuracies), slots=dict(self.slots))

    def apply_epoch(self, payload: EpochCompleted) -> None:
        if payload.batch != self.batch:
            self.batch = payload.batch
            self.accuracies.clear()
            self.decision = self.rollback_epoch = self.outcome = None
        self.accuracies.append(payload.val_accuracy)
        self.newest = payload
        self.slots = {slot.slot_id: _slot_view(slot) for slot in payload.slots}
        self.row = None

    def apply_action(self, payload: LastAction) -> None:
        self.decision = payload
        self.row = None

    def apply_rollback(self, payload: GovernorRollback) -> None:
        self.rollback_epoch = payload.epoch
        self.row = None

    def apply_outcome(self, payload: EpisodeOutcome) -> None:
        self.outcome = payload
        self.row = None

    def apply_seed(self, payload: SeedEvent) -> None:
        """Show a seed's change at once, without waiting for the next epoch's slots."""
        view = self.slots.get(payload.slot_id)
        match payload:
            case SeedGerminated():
                self.slots[payload.slot_id] = SlotView(
                    slot_id=payload.slot_id,
                    stage=SeedStage.GERMINATED,
                    blueprint=payload.blueprint,
                    params=payload.params,
                    epochs_in_stage=0,
                    alpha=0.0,
                    contribution=None,
                )
            case SeedStageChanged() if payload.to_stage is SeedStage.DORMANT:
                self.slots.pop(payload.slot_id, None)
            case SeedStageChanged() if view is not None:
                moved = replace(view, stage=payload.to_stage, epochs_in_stage=0, alpha=payload.alpha)
                self.slots[payload.slot_id] = moved
            case SeedFossilized() if view is not None:
                self.slots[payload.slot_id] = replace(view, stage=SeedStage.FOSSILIZED)
            case SeedPruned() if view is not None:
                self.slots[payload.slot_id] = replace(view, stage=SeedStage.PRUNED, alpha=0.0)
            case _:
                pass
        self.row = None

    def to_row(self) -> EnvRow:
        """The env's row; the same object until an event changes the env."""
        if self.row is None:
            self.row = self._make_row()
        return self.row

    def _make_row(self) -> EnvRow:
        newest = self.newest
        status, level = self._status()
        return EnvRow(
            env_id=self.env_id,
            status=status,
            level=level,
            epoch=newest.epoch if newest else None,
            accuracy=newest.val_accuracy if newest else None,
            best_accuracy=max(self.accuracies) if self.accuracies else None,
            delta10=self._delta(),
            val_loss=newest.val_loss if newest else None,
            trend=tuple(self.accuracies[-TREND_LENGTH:]),
            episode_return=self.decision.episode_reward if self.decision else None,
            growth=newest.total_params / newest.host_params if newest else None,
            host_params=newest.host_params if newest else None,
            slots=tuple(self.slots.get(slot_id) for slot_id in self.slot_ids),
            decision=self.decision,
            outcome=self.outcome,
        )

    def _delta(self) -> float | None:
        if len(self.accuracies) < 2:
            return None
        return self.accuracies[-1] - self.accuracies[max(0, len(self.accuracies) - 1 - DELTA_EPOCHS)]

    def _status(self) -> tuple[EnvStatus, Level]:
        if self.newest is None:
            return EnvStatus.WAITING, Level.FINE
        if not (math.isfinite(self.newest.val_loss) and math.isfinite(self.newest.train_loss)):
            return EnvStatus.NOT_A_NUMBER, Level.CRITICAL
        if self.rollback_epoch is not None and self.newest.epoch - self.rollback_epoch <= ROLLBACK_SHOWN_EPOCHS:
            return EnvStatus.ROLLED_BACK, Level.CRITICAL
        if self.outcome is not None:
            return EnvStatus.DONE, Level.FINE
        return self._trend_status()

    def _trend_status(self) -> tuple[EnvStatus, Level]:
        fallen, stalled = self._drop_verdict(), self._stall_verdict()
        if fallen.level is not Level.FINE:
            return EnvStatus.FALLEN, fallen.level
        if stalled.level is not Level.FINE:
            return EnvStatus.STALLED, stalled.level
        delta = self._delta()
        if delta is None or abs(delta) <= NOTABLE_CHANGE:
            return EnvStatus.FLAT, Level.FINE
        return (EnvStatus.UP if delta > 0 else EnvStatus.DOWN), Level.FINE

    def _drop_verdict(self) -> Verdict:
        return judge("accuracy_drop", max(self.accuracies) - self.accuracies[-1])

    def _stall_verdict(self) -> Verdict:
        best_at = max(range(len(self.accuracies)), key=self.accuracies.__getitem__)
        return judge("epochs_without_best", len(self.accuracies) - 1 - best_at, reference=self.max_epochs)


def _slot_view(slot: SlotSnapshot) -> SlotView:
    return SlotView(
        slot_id=slot.slot_id,
        stage=slot.stage,
        blueprint=slot.blueprint,
        params=slot.params,
        epochs_in_stage=slot.epochs_in_stage,
        alpha=slot.alpha,
        contribution=slot.contribution,
    )
