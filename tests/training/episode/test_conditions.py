"""Conditions of episodes: drawn from named streams, the same for all that is compared, and told to the policy."""

from __future__ import annotations

import math

import pytest

from esper.contracts.conditions import Conditions
from esper.errors import ConfigError
from esper.history.presets import load_preset, with_overrides
from esper.training.config import TrainingConfig
from esper.training.episode.conditions import draw_conditions
from esper.training.episode.rollout import Rollout
from esper.training.episode.world_maker import WorldMaker
from esper.training.variety import VarietyConfig
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

WIDE = VarietyConfig(label_noise=(0.0, 0.4), data_share=(0.2, 1.0), size_price=(3.0, 300.0))


def draws(config: VarietyConfig, seed: int = 1) -> list[Conditions]:
    found = [draw_conditions(config, seed, episode) for episode in range(200)]
    return [one for one in found if one is not None]


def test_without_ranges_nothing_is_drawn() -> None:
    assert draws(VarietyConfig()) == []


def test_draws_fill_their_ranges_and_the_price_evenly_in_its_logarithm() -> None:
    drawn = draws(WIDE)
    assert all(0.0 <= one.label_noise <= 0.4 and 0.2 <= one.data_share <= 1.0 for one in drawn)
    prices = [one.size_price for one in drawn if one.size_price is not None]
    assert min(prices) >= 3.0
    assert max(prices) <= 300.0
    assert sum(price < 30.0 for price in prices) == pytest.approx(100, abs=25)


def test_an_episode_of_a_run_repeats_and_one_range_does_not_move_another() -> None:
    assert draws(WIDE) == draws(WIDE)
    assert draws(WIDE) != draws(WIDE, seed=2)
    alone = draws(VarietyConfig(size_price=(3.0, 300.0)))
    assert [one.size_price for one in alone] == [one.size_price for one in draws(WIDE)]
    assert {(one.label_noise, one.data_share) for one in alone} == {(0.0, 1.0)}


def test_a_range_of_one_value_is_that_value() -> None:
    assert math.isclose(draws(VarietyConfig(size_price=(20.0, 20.0)))[0].size_price or 0.0, 20.0)


def test_prices_open_over_the_first_episodes() -> None:
    config = VarietyConfig(size_price=(3.0, 300.0), size_price_warmup_episodes=100)
    prices = [one.size_price or 0.0 for one in draws(config)]
    assert prices[0] == pytest.approx(3.0)
    assert max(prices[:50]) <= 30.0
    assert prices[100:] == [one.size_price for one in draws(VarietyConfig(size_price=(3.0, 300.0)))[100:]]


def dial(*overrides: str) -> TrainingConfig:
    short = ["run.rounds=1", "run.threads=1", "fleet.envs=2", "fleet.episode_length=3", "fleet.steps_per_epoch=2"]
    return with_overrides(load_preset("digits_dial"), [*short, *overrides])


def test_every_group_and_every_control_host_has_the_conditions_of_its_episode() -> None:
    world = WorldMaker(dial(), groups=2).make(1)
    own = world.own_data
    assert own is not None
    assert world.conditions is not None
    assert len(world.conditions) == 2
    assert own.samples_en.shape[0] == 6
    for env in range(2):
        for copy in (2, 4):
            assert own.samples_en[env].equal(own.samples_en[env + copy])
            assert own.targets_en[env].equal(own.targets_en[env + copy])


def test_rewards_and_observations_of_a_run_know_the_price() -> None:
    rollouts: list[Rollout] = []
    train_ppo_vectorized(dial(), RunHooks(on_rollout=rollouts.append))
    (group,) = rollouts[0].groups
    conditions = rollouts[0].world.conditions
    assert conditions is not None
    assert [episode.signals.conditions for episode in group.episodes] == list(conditions)
    assert [episode.lived[-1].size_price for episode in group.episodes] == [one.size_price for one in conditions]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("variety.label_noise=[0.3]", r"variety.label_noise is \[0.3\]: give the lowest and the highest value"),
        ("variety.data_share=[0.9,0.1]", r"variety.data_share is \[0.9, 0.1\]: give the lowest"),
        ("variety.data_share=[0.0,1.0]", "variety.data_share is 0.0: it must be above 0 and at most 1"),
        ("reward.mode=sparse", "reward.mode sparse of the family contribution does not charge it"),
        ("reward.family=loss", "reward.mode shaped of the family loss does not charge it"),
        ("fleet.control_hosts=false", "variety.size_price is set without fleet.control_hosts"),
    ],
)
def test_what_cannot_be_drawn_or_charged_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dial(override)


def test_tokens_have_no_labels_to_spoil() -> None:
    config = with_overrides(load_preset("text"), ["variety.label_noise=[0.0,0.5]"])
    with pytest.raises(ConfigError, match=r"variety\.label_noise and variety\.data_share need labels: task"):
        WorldMaker(config, groups=1)
