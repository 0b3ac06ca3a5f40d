"""The controller hillclimb: grow one seed at a time, and keep it if the validation accuracy is higher than before.

It credits a seed with whatever the host learned in the meantime, and that makes it a mere baseline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from esper.contracts.actions import Blueprint, Op
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle.config import GrowthConfig
from esper.policy.baselines.config import HillclimbConfig
from esper.policy.baselines.rule import WAIT, Choice, germinate, on_slot
from esper.policy.baselines.seeds import epochs_to_holding, live_seeds, move_on
from esper.policy.legal import LegalChoices
from esper.policy.signals import EnvSignals
from esper.policy.situation import EnvSituation


class HillclimbRule:
    """One env's climb through one episode."""

    def __init__(self, config: HillclimbConfig, blueprints: Sequence[Blueprint]) -> None:
        self._config = config
        self._blueprints = blueprints
        self._recent: deque[float] = deque(maxlen=config.window)
        self._before: float | None = None
        self._tried = 0

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        assert env.signals.val_accuracy is not None, "an env is measured before it is decided for"
        self._recent.append(env.signals.val_accuracy)
        live = next(live_seeds(env.view), None)
        if live is None:
            return self._germinate(env.signals, env.view.config, legal)
        slot, seed = live
        if seed.stage is not SeedStage.HOLDING:
            return move_on(slot, seed, env.view.config, legal)
        if seed.epochs_in_stage < self._config.window:
            return WAIT
        assert self._before is not None, "a seed in HOLDING was germinated here"
        kept = self._mean() - self._before > self._config.min_gain
        return on_slot(legal, Op.FOSSILIZE if kept else Op.PRUNE, slot)

    def _germinate(self, signals: EnvSignals, growth: GrowthConfig, legal: LegalChoices) -> Choice:
        """The next blueprint, unless the episode is too short to judge it."""
        choice = germinate(legal, self._blueprints[self._tried % len(self._blueprints)])
        needed = epochs_to_holding(growth, choice.tempo) + self._config.window
        in_time = signals.epoch + needed <= signals.max_epochs
        if choice.op is Op.WAIT or not in_time or signals.epoch < max(self._config.first_epoch, self._config.window):
            return WAIT
        self._tried += 1
        self._before = self._mean()
        return choice

    def _mean(self) -> float:
        return sum(self._recent) / len(self._recent)
