"""The controller schedule: a fixed plan of germinations. Every seed is blended and fossilised at the first chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from esper.contracts.actions import AlphaTarget, Blueprint, Op, Tempo
from esper.contracts.stages import SeedStage
from esper.policy.baselines.config import ScheduleConfig
from esper.policy.baselines.rule import WAIT, Choice, germinate, on_slot
from esper.policy.baselines.seeds import live_seeds, move_on
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation


class ScheduleRule:
    """Moves the seeds that it has along, beginning with the first slot, and then germinates what is due."""

    def __init__(self, config: ScheduleConfig, blueprints: Sequence[Blueprint], slots: Sequence[int] = ()) -> None:
        """slots: those of config.slots, by index."""
        self._config = config
        self._blueprints = blueprints if config.blueprints else blueprints[:1]
        self._slots = slots
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
        choice = self._place(legal)
        self._germinated += choice.op is Op.GERMINATE
        return choice

    def _place(self, legal: LegalChoices) -> Choice:
        blueprint = self._blueprints[self._germinated % len(self._blueprints)]
        if self._slots:
            choice = on_slot(legal, Op.GERMINATE, self._slots[self._germinated % len(self._slots)])
        else:
            choice = germinate(legal, blueprint)
        if choice.op is Op.WAIT:
            return WAIT
        return replace(
            choice,
            blueprint=blueprint,
            tempo=Tempo[self._config.tempo.upper()],
            alpha_target=AlphaTarget[self._config.alpha_target.upper()],
        )
