"""Acts on the governor's verdicts: keeps each env's last good state, and returns to it if a host is lost."""

from __future__ import annotations

from dataclasses import dataclass

from esper.fleet.fleet import Fleet
from esper.telemetry.events import GovernorRollback
from esper.training import governor
from esper.training.config import GovernorConfig
from esper.training.episode.env_episode import EnvEpisode
from esper.training.garden import Garden, SlotEvent
from esper.training.governor import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """An env was returned to its last good state, and its episode is over."""

    report: GovernorRollback
    seed_events: tuple[SlotEvent, ...]


class Oversight:
    """Watches over the envs. A snapshot is taken only after a healthy verdict, so that none holds a lost host."""

    def __init__(self, config: GovernorConfig, *, fleet: Fleet, garden: Garden, random_guess_loss: float) -> None:
        self._config = config
        self._fleet = fleet
        self._garden = garden
        self._random_guess_loss = random_guess_loss

    def examine(self, episode: EnvEpisode, *, batch: int, epoch: int) -> Rollback | None:
        """Judge this epoch's validation loss. On panic, restore that env alone and end its episode."""
        if not self._config.enabled:
            return None
        episode.loss_window, verdict = governor.check(
            episode.loss_window, episode.measured.val_loss, self._config, self._random_guess_loss
        )
        if verdict.is_panic:
            return self._roll_back(episode, verdict, batch=batch, epoch=epoch)
        if verdict.is_healthy and self._snapshot_due(episode, epoch):
            episode.last_good = self._fleet.snapshot_row(episode.env_id)
            episode.last_good_epoch = epoch
            episode.snapshot_due = False
        return None

    def _snapshot_due(self, episode: EnvEpisode, epoch: int) -> bool:
        """Whether to take a snapshot: at the interval, after a seed was fossilised, or if the last one lacks a seed.

        A seed that no snapshot holds could not be restored if it were fossilised and lost before the next one.
        """
        regular = epoch % self._config.snapshot_interval == 0
        return regular or episode.snapshot_due or not self._fleet.is_covered(episode.env_id, episode.last_good)

    def _roll_back(self, episode: EnvEpisode, verdict: Verdict, *, batch: int, epoch: int) -> Rollback:
        assert verdict.reason is not None, "a panic has a reason"
        env = episode.env_id
        pruned = self._garden.prune_live(env, verdict.reason.value)
        self._fleet.restore_row(env, episode.last_good)
        self._fleet.set_row_active(env, False)
        episode.running = False
        episode.outcome.rollback_occurred = True
        slot_ids = self._garden.slot_config.slot_ids
        report = GovernorRollback(
            env_id=env,
            batch=batch,
            epoch=epoch,
            reason=verdict.reason.value,
            loss=verdict.loss,
            threshold=verdict.threshold,
            consecutive_panics=verdict.anomalies,
            restored_epoch=episode.last_good_epoch,
            penalty=-self._config.penalty if episode.rewards else None,
            pruned_slots=tuple(slot_ids[slot] for slot in sorted({event.slot for event in pruned})),
        )
        return Rollback(report=report, seed_events=pruned)
