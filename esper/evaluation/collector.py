"""A sink that gathers the episodes of one run from its events, as any reader of the file could do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from esper.contracts.actions import STYLE_VALUES, AlphaAlgorithm, Blueprint, Op, Style
from esper.contracts.blueprints import recorded_blueprint
from esper.contracts.stages import FORWARD_STAGES, SeedStage
from esper.evaluation.records import Episode, GrownSeed
from esper.telemetry.events import EpisodeOutcome, Event, LastAction, OutcomeType, SeedGerminated, SeedStageChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seed:
    blueprint: Blueprint
    algorithm: AlphaAlgorithm
    stage: SeedStage


class EpisodeCollector:
    """Follows every seed of every env, and closes an episode when its outcome is known."""

    name = "evaluation"
    critical = True

    def __init__(self, seed: int) -> None:
        """seed: the seed of the run."""
        self._seed = seed
        self._seeds: dict[tuple[int, str], _Seed] = {}
        self.episodes: list[Episode] = []

    def accept(self, event: Event) -> None:
        """Take in the next event of the run."""
        match event.payload:
            case SeedGerminated() as born:
                assert born.alpha_algorithm is not None, "today's runs record how every seed is blended"
                blueprint = recorded_blueprint(born.blueprint.upper())
                assert blueprint is not None, "a run germinates blueprints only"
                self._seeds[born.env_id, born.slot_id] = _Seed(
                    blueprint=blueprint,
                    algorithm=born.alpha_algorithm,
                    stage=SeedStage.GERMINATED,
                )
            case SeedStageChanged(to_stage=stage) as moved if stage is not SeedStage.GERMINATED:
                place = (moved.env_id, moved.slot_id)
                self._seeds[place] = replace(self._seeds[place], stage=stage)
            case LastAction() as action if action.success and action.effective_op == Op.SET_ALPHA_TARGET.name:
                self._reblend(action)
            case EpisodeOutcome() as outcome:
                self.episodes.append(self._episode(outcome))
            case _:
                pass

    def close(self) -> None:
        """Do nothing, because nothing is held back."""

    def _reblend(self, action: LastAction) -> None:
        """A new alpha target may bring another way of blending."""
        style = next(head.choice for head in action.heads if head.head == "style")
        place = (action.env_id, action.slot_id)
        self._seeds[place] = replace(self._seeds[place], algorithm=STYLE_VALUES[Style[style.upper()]][1])

    def _episode(self, outcome: EpisodeOutcome) -> Episode:
        assert outcome.test_accuracy is not None, "every host is tested at the end of its episode"
        own = sorted((slot, seed) for (env, slot), seed in self._seeds.items() if env == outcome.env_id)
        return Episode(
            seed=self._seed,
            env_id=outcome.env_id,
            test_accuracy=outcome.test_accuracy,
            accuracy=outcome.final_accuracy,
            reward=outcome.episode_reward,
            germinated=outcome.germinations,
            fossilized=outcome.num_fossilized,
            rolled_back=outcome.outcome is OutcomeType.ROLLBACK,
            network=tuple(
                GrownSeed(slot_id=slot, blueprint=seed.blueprint, algorithm=seed.algorithm)
                for slot, seed in own
                if seed.stage in FORWARD_STAGES
            ),
        )
