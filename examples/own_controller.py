"""A controller of your own: grow one normalisation layer as early as possible, and keep it."""

from __future__ import annotations

import esper
from esper.conformance.controllers import check_controller
from esper.contracts.actions import Blueprint, Op
from esper.contracts.stages import SeedStage
from esper.policy.baselines.rule import WAIT, Choice, germinate, on_slot
from esper.policy.baselines.seeds import live_seeds, move_on
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation
from esper.training.config import TrainingConfig
from esper.training.controllers.rule_controller import RuleController


class OneNorm:
    """Decides for one env during one episode."""

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        for slot, seed in live_seeds(env.view):
            if seed.stage is SeedStage.HOLDING:
                return on_slot(legal, Op.FOSSILIZE, slot)
            return move_on(slot, seed, env.view.config, legal)
        return WAIT if any(env.view.slots) else germinate(legal, Blueprint.NORM)


def make(config: TrainingConfig, device: object) -> RuleController:
    return RuleController("one_norm", OneNorm)


def main() -> None:
    esper.register_controller("one_norm", "keeps one normalisation layer", make)
    report = check_controller("one_norm")
    print(report)
    assert report.passed

    run = esper.train("digits", rounds=1, envs=2, episode_length=10, controller="one_norm")
    print(f"{run.summaries[-1].avg_accuracy:.1f} %")


if __name__ == "__main__":
    main()
