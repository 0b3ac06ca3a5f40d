"""The controller schedule: a fixed plan of germinations. Every seed is blended and fossilised at the first chance."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import Blueprint, Op
from esper.contracts.stages import SeedStage
from esper.policy.baselines.config import ScheduleConfig
from esper.policy.baselines.rule import WAIT, Choice, germinate, on_slot
from esper.policy.baselines.seeds import live_seeds, move_on
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation


class ScheduleRule:
    """Moves the seeds that it has along, beginning with the first slot, and then germinates what is due."""

    def __init__(self, config: ScheduleConfig, blueprints: Sequence[Blueprint]) -> None:
        self._config = config
        self._blueprints = blueprints if config.blueprints else blueprints[:1]
        self._germinated = 0

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        for slot, seed in live_seeds(env.view):
            if seed.stage is SeedStage.HOLDING and seed.epochs_in_stage >= self._config.hold_epochs:
                choice = on_slot(legal, Op.FOSSILIZE, slot)
            else:
                choice = move_on(slot, seed, env.view.config, legal)
            if choice.op is not Op.WAIT:
                return choice
        return self._germinate(env.signals.epoch, legal)

    def _germinate(self, epoch: int, legal: LegalChoices) -> Choice:
        planned = self._config.germinate_epochs
        if self._germinated == len(planned) or epoch < planned[self._germinated]:
            return WAIT
        choice = germinate(legal, self._blueprints[self._germinated % len(self._blueprints)])
        self._germinated += choice.op is Op.GERMINATE
        return choice
