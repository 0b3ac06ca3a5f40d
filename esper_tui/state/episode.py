"""One env's episode as it was recorded: what the timeline, the env detail and the lists of episodes show."""

from __future__ import annotations

from dataclasses import dataclass

from esper.telemetry.events import (
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

SeedPayload = SeedGerminated | SeedStageChanged | SeedGateEvaluated | SeedFossilized | SeedPruned


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedMark:
    """Something that happened to a seed.

    epoch: the host epoch after which it happened; 0 before the first.
    """

    seq: int
    epoch: int
    payload: SeedPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeView:
    """An episode from its first epoch to the newest.

    batch: the 1-based round; None before the first epoch.
    max_epochs: how long an episode is, in host epochs.
    epochs, decisions, matrices: oldest first; an epoch may lack a decision or a matrix.
    previous: validation accuracies of the same env in the round before, percent.
    """

    env_id: int
    group_id: str
    batch: int | None
    max_epochs: int
    slot_ids: tuple[str, ...]
    epochs: tuple[EpochCompleted, ...]
    decisions: tuple[LastAction, ...]
    matrices: tuple[CounterfactualMatrixComputed, ...]
    seeds: tuple[SeedMark, ...]
    alarms: tuple[AnomalyDetected, ...]
    rollback: GovernorRollback | None
    outcome: EpisodeOutcome | None
    previous: tuple[float, ...]

    @property
    def last_epoch(self) -> int:
        """The newest host epoch; 0 before the first."""
        return self.epochs[-1].epoch if self.epochs else 0

    @property
    def peak_epoch(self) -> int:
        """The host epoch with the best validation accuracy; 0 before the first."""
        return max(self.epochs, key=lambda one: one.val_accuracy).epoch if self.epochs else 0

    def epoch_at(self, epoch: int) -> EpochCompleted | None:
        """What was measured in a host epoch."""
        return next((one for one in self.epochs if one.epoch == epoch), None)

    def decision_at(self, epoch: int) -> LastAction | None:
        """What the controller did after a host epoch."""
        return next((one for one in self.decisions if one.epoch == epoch), None)

    def matrix_until(self, epoch: int) -> CounterfactualMatrixComputed | None:
        """The newest ablation up to a host epoch."""
        return next((one for one in reversed(self.matrices) if one.epoch <= epoch), None)

    def slot_at(self, epoch: int, slot_id: str) -> SlotSnapshot | None:
        """The seed in a slot in a host epoch."""
        found = self.epoch_at(epoch)
        return next((slot for slot in found.slots if slot.slot_id == slot_id), None) if found else None

    def decision_epochs(self) -> tuple[int, ...]:
        """The epochs after which something other than waiting was decided."""
        return tuple(one.epoch for one in self.decisions if one.op != "WAIT")
