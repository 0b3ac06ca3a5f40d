"""The controller heuristic: the original system's rules of thumb, with measured contributions to decide what is kept.

It waits until the host is stable and on a plateau, grows one seed at a time, prunes seeds that hurt, and keeps those
whose measured contribution is good enough. The page on controllers gives its rules and constants.
"""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import Blueprint, Op
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.policy.baselines.config import HeuristicConfig
from esper.policy.baselines.penalties import BlueprintRotation
from esper.policy.baselines.rule import WAIT, Choice, germinate, on_slot
from esper.policy.baselines.seeds import live_seeds, move_on
from esper.policy.legal import LegalChoices
from esper.policy.signals import EnvSignals
from esper.policy.situation import EnvSituation


class HeuristicRule:
    """One env's host and seeds through one episode."""

    def __init__(self, config: HeuristicConfig, blueprints: Sequence[Blueprint]) -> None:
        self._config = config
        self._rotation = BlueprintRotation(config, blueprints)
        self._plateau_epochs = 0
        self._calm_epochs = 0
        self._is_stable = config.stable_epochs == 0
        self._pruned_at: int | None = None

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        self._look(env.signals)
        live = next(live_seeds(env.view), None)
        if live is None:
            return self._germinate(env.signals.epoch, legal)
        slot, seed = live
        if self._should_prune(seed):
            return self._prune(slot, seed, env.signals.epoch, legal)
        if seed.stage is SeedStage.HOLDING:
            return on_slot(legal, Op.FOSSILIZE, slot)
        return move_on(slot, seed, env.view.config, legal)

    def _look(self, signals: EnvSignals) -> None:
        """Take in one epoch: let penalties fade, count plateau epochs, and watch for a stable host."""
        self._rotation.pass_epoch()
        if signals.accuracy_delta is not None:
            flat = signals.accuracy_delta < self._config.plateau_points
            self._plateau_epochs = self._plateau_epochs + 1 if flat else 0
        improvement = _relative_improvement(signals)
        if improvement is not None:
            calm = self._config.stable_low < improvement < self._config.stable_high
            self._calm_epochs = self._calm_epochs + 1 if calm else 0
            self._is_stable = self._is_stable or self._calm_epochs >= self._config.stable_epochs

    def _germinate(self, epoch: int, legal: LegalChoices) -> Choice:
        config = self._config
        rested = self._pruned_at is None or epoch - self._pruned_at >= config.epochs_after_prune
        ready = self._is_stable and epoch >= config.first_epoch and self._plateau_epochs >= config.plateau_epochs
        if not (rested and ready):
            return WAIT
        blueprint = self._rotation.candidate()
        choice = germinate(legal, blueprint)
        if choice.op is Op.GERMINATE:
            self._rotation.take(blueprint)
        return choice

    def _should_prune(self, seed: SeedInfo) -> bool:
        config = self._config
        if seed.stage in (SeedStage.TRAINING, SeedStage.BLENDING):
            old = seed.epochs_in_stage >= config.prune_age
            return old and seed.improvement_since_stage_start < -config.prune_points
        if seed.stage is not SeedStage.HOLDING:
            return False
        gain, contribution = seed.progress_since_germination, seed.contribution
        if contribution is not None and contribution > config.harmful_contribution and gain < 0:
            return True
        return (gain if contribution is None else contribution) <= config.fossilize_points

    def _prune(self, slot: int, seed: SeedInfo, epoch: int, legal: LegalChoices) -> Choice:
        choice = on_slot(legal, Op.PRUNE, slot)
        if choice.op is Op.PRUNE:
            self._rotation.punish(seed.blueprint)
            self._pruned_at = epoch
        return choice


def _relative_improvement(signals: EnvSignals) -> float | None:
    """The fall of the validation loss as a share of the previous loss.

    None while there is only one, or if it is not finite.
    """
    if signals.loss_delta is None or signals.val_loss is None:
        return None
    before = signals.val_loss + signals.loss_delta
    return signals.loss_delta / before if before > 0 else None
