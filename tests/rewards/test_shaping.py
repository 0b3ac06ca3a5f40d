"""The shaping telescopes: over any trajectory only its two ends remain."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import seed
from trajectories import Episode, Move, Seeds, grower, play, random_episode, useful

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.components import CONTRIBUTION_MODES
from esper.rewards.config import RewardConfig
from esper.rewards.shaping import potential

CONFIG = RewardConfig()
SHAPED_MODES = [
    RewardConfig(mode=mode)
    for mode, components in CONTRIBUTION_MODES.items()
    if "pbrs_bonus" in {component.name for component in components}
] + [RewardConfig(family="loss")]


def discounted(episode: Episode, name: str, start: int = 0) -> float:
    return sum(
        episode.gamma**t * (payment.components.term(name) or 0.0) for t, payment in enumerate(episode.payments[start:])
    )


def height(seeds: Seeds) -> float:
    return sum(potential(info) for info in seeds)


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(0, 10**6),
    epochs=st.integers(1, 50),
    start=st.integers(0, 30),
    terminal=st.booleans(),
    config=st.sampled_from(SHAPED_MODES),
)
def test_discounted_shaping_leaves_only_the_boundary_terms(
    number: int, epochs: int, start: int, terminal: bool, config: RewardConfig
) -> None:
    episode = random_episode(number, config, epochs=start + epochs, terminal=terminal)
    first = height(episode.steps[start].before)
    last = 0.0 if terminal else height(episode.steps[-1].after)
    expected = config.potential_weight * (config.gamma**epochs * last - first)
    assert discounted(episode, "pbrs_bonus", start) == pytest.approx(expected, abs=1e-9)


def test_trajectories_are_eventful() -> None:
    """Guards the properties of random lives: they climb to FOSSILIZED, fall by pruning and use every op."""
    episodes = [random_episode(number, CONFIG, epochs=60) for number in range(20)]
    assert {step.action for episode in episodes for step in episode.steps} == set(Op)
    assert max(potential(info) for episode in episodes for step in episode.steps for info in step.after) == 8.0
    assert set.union(*(episode.stages for episode in episodes)) >= {SeedStage.FOSSILIZED, SeedStage.EMBARGOED}
    assert any(step.counterfactual.contribution(0) for episode in episodes for step in episode.steps)


def test_potential_known_values() -> None:
    assert potential(None) == 0.0
    assert potential(seed(SeedStage.EMBARGOED, epochs_in_stage=2)) == 0.0
    assert potential(seed(SeedStage.GERMINATED, epochs_in_stage=0)) == 1.0
    assert potential(seed(SeedStage.TRAINING, epochs_in_stage=2)) == pytest.approx(2.6)
    assert potential(seed(SeedStage.BLENDING, epochs_in_stage=50)) == 5.5
    assert potential(seed(SeedStage.HOLDING, epochs_in_stage=50)) == 6.0
    assert potential(seed(SeedStage.FOSSILIZED, epochs_in_stage=50)) == 8.0


@given(ages=st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_potential_never_falls_along_an_honest_life(ages: list[int]) -> None:
    """However long a seed stays in a stage, advancing and committing it do not lower its potential."""
    stages = [SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.BLENDING, SeedStage.HOLDING]
    life = [
        potential(seed(stage, epochs_in_stage=epoch))
        for stage, age in zip(stages, ages, strict=True)
        for epoch in range(age + 1)
    ]
    life.append(potential(seed(SeedStage.FOSSILIZED, epochs_in_stage=0)))
    assert all(earlier <= later for earlier, later in pairwise(life))


@pytest.mark.parametrize("config", SHAPED_MODES, ids=lambda config: f"{config.family} {config.mode}")
@pytest.mark.parametrize("first_epoch", range(12, 20))
def test_a_seed_germinated_too_late_keeps_nothing_of_its_shaping(config: RewardConfig, first_epoch: int) -> None:
    """Germinated in the last epochs of a truncated episode and not blended when it ends: all is clawed back."""
    late = grower(0, first_epoch=first_epoch)

    def stalling(epoch: int, seeds: Seeds) -> Move:
        info = seeds[0]
        ready = info is not None and info.stage is SeedStage.TRAINING
        return Move() if ready else late(epoch, seeds)

    episode = play(useful(5.0), stalling, config, epochs=20, terminal=False)
    kept = discounted(episode, "pbrs_bonus") + discounted(episode, "germination_clawback")
    assert kept == pytest.approx(0.0, abs=1e-9)
    assert discounted(episode, "germination_clawback") < 0.0


def test_a_terminal_step_and_a_blended_seed_are_not_clawed_back() -> None:
    for terminal, first_epoch in ((True, 18), (False, 5)):
        episode = play(useful(5.0), grower(0, first_epoch=first_epoch), CONFIG, epochs=20, terminal=terminal)
        assert episode.sum("germination_clawback") == 0.0
