"""One env's part of the reducer: from its events to its row and its episode."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from esper.contracts.stages import SeedStage
from esper.telemetry.events import (
    DEFAULT_GROUP,
    AnomalyDetected,
    CounterfactualMatrixComputed,
    EpisodeOutcome,
    EpochCompleted,
    GovernorRollback,
    LastAction,
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    SlotSnapshot,
)
from esper_tui.state.env_status import WAITING, FleetReference, Judgement, delta, judge_env
from esper_tui.state.episode import EpisodeView, SeedMark, SeedPayload
from esper_tui.state.snapshot import EnvRow, SlotView

TREND_LENGTH: Final = 24


@dataclass(slots=True, kw_only=True)
class EnvState:
    """Everything known of one env in its current episode.

    accuracies: one per host epoch of the episode.
    previous: of the episode before.
    """

    env_id: int
    max_epochs: int
    slot_ids: tuple[str, ...]
    group_id: str = DEFAULT_GROUP
    batch: int | None = None
    accuracies: list[float] = field(default_factory=list[float])
    previous: tuple[float, ...] = ()
    epochs: list[EpochCompleted] = field(default_factory=list[EpochCompleted])
    decisions: list[LastAction] = field(default_factory=list[LastAction])
    matrices: list[CounterfactualMatrixComputed] = field(default_factory=list[CounterfactualMatrixComputed])
    marks: list[SeedMark] = field(default_factory=list[SeedMark])
    alarms: list[AnomalyDetected] = field(default_factory=list[AnomalyDetected])
    newest: EpochCompleted | None = None
    slots: dict[str, SlotView] = field(default_factory=dict[str, SlotView])
    decision: LastAction | None = None
    rollback: GovernorRollback | None = None
    outcome: EpisodeOutcome | None = None
    judgement: Judgement = WAITING
    row: EnvRow | None = None

    def copy(self) -> EnvState:
        """An independent copy: what it shares with the original is immutable."""
        return replace(
            self,
            accuracies=list(self.accuracies),
            epochs=list(self.epochs),
            decisions=list(self.decisions),
            matrices=list(self.matrices),
            marks=list(self.marks),
            alarms=list(self.alarms),
            slots=dict(self.slots),
        )

    def apply_epoch(self, payload: EpochCompleted, fleet: FleetReference) -> None:
        """fleet: what is usual at the moment."""
        if payload.batch != self.batch:
            self._start_episode(payload.batch)
        self.accuracies.append(payload.val_accuracy)
        self.epochs.append(payload)
        self.newest = payload
        self.slots = {slot.slot_id: _slot_view(slot) for slot in payload.slots}
        self._judge(fleet)

    def _start_episode(self, batch: int) -> None:
        self.batch = batch
        self.previous = tuple(self.accuracies)
        for past in (self.accuracies, self.epochs, self.decisions, self.matrices, self.marks, self.alarms):
            past.clear()
        self.decision = self.rollback = self.outcome = None

    def apply_action(self, payload: LastAction) -> None:
        self.decision = payload
        self.decisions.append(payload)
        self.row = None

    def apply_matrix(self, payload: CounterfactualMatrixComputed) -> None:
        self.matrices.append(payload)
        self.row = None

    def apply_alarm(self, payload: AnomalyDetected) -> None:
        self.alarms.append(payload)
        self.row = None

    def apply_rollback(self, payload: GovernorRollback, fleet: FleetReference) -> None:
        self.rollback = payload
        self._judge(fleet)

    def apply_outcome(self, payload: EpisodeOutcome, fleet: FleetReference) -> None:
        self.outcome = payload
        self._judge(fleet)

    def _judge(self, fleet: FleetReference) -> None:
        self.judgement = judge_env(
            self.newest,
            self.accuracies,
            rollback=self.rollback,
            outcome=self.outcome,
            max_epochs=self.max_epochs,
            fleet=fleet,
        )
        self.row = None

    def apply_seed(self, payload: SeedPayload, seq: int) -> None:
        """Show a seed's change at once, without waiting for the next epoch's slots."""
        self.marks.append(SeedMark(seq=seq, epoch=self.newest.epoch if self.newest else 0, payload=payload))
        if not isinstance(payload, SeedGateEvaluated):
            self._change_slot(payload)
        self.row = None

    def _change_slot(self, payload: SeedGerminated | SeedStageChanged | SeedFossilized | SeedPruned) -> None:
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
                alpha = view.alpha if payload.alpha is None else payload.alpha
                moved = replace(view, stage=payload.to_stage, epochs_in_stage=0, alpha=alpha)
                self.slots[payload.slot_id] = moved
            case SeedFossilized() if view is not None:
                self.slots[payload.slot_id] = replace(view, stage=SeedStage.FOSSILIZED)
            case SeedPruned() if view is not None:
                self.slots[payload.slot_id] = replace(view, stage=SeedStage.PRUNED, alpha=0.0)
            case _:
                pass

    def to_row(self) -> EnvRow:
        """The env's row; the same object until an event changes the env."""
        if self.row is None:
            self.row = self._make_row()
        return self.row

    def _make_row(self) -> EnvRow:
        newest = self.newest
        return EnvRow(
            env_id=self.env_id,
            status=self.judgement.status,
            level=self.judgement.level,
            reason=self.judgement.text,
            rule=self.judgement.rule,
            epoch=newest.epoch if newest else None,
            accuracy=newest.val_accuracy if newest else None,
            best_accuracy=max(self.accuracies) if self.accuracies else None,
            delta10=delta(self.accuracies),
            val_loss=newest.val_loss if newest else None,
            trend=tuple(self.accuracies[-TREND_LENGTH:]),
            episode_return=self.decision.episode_reward if self.decision else None,
            growth=newest.total_params / newest.host_params if newest else None,
            host_params=newest.host_params if newest else None,
            slots=tuple(self.slots.get(slot_id) for slot_id in self.slot_ids),
            decision=self.decision,
            outcome=self.outcome,
            episode=self.episode(),
        )

    def episode(self) -> EpisodeView:
        """The current episode, as it stands."""
        return EpisodeView(
            env_id=self.env_id,
            group_id=self.group_id,
            batch=self.batch,
            max_epochs=self.max_epochs,
            slot_ids=self.slot_ids,
            epochs=tuple(self.epochs),
            decisions=tuple(self.decisions),
            matrices=tuple(self.matrices),
            seeds=tuple(self.marks),
            alarms=tuple(self.alarms),
            rollback=self.rollback,
            outcome=self.outcome,
            previous=self.previous,
        )


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
