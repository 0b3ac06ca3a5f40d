"""A registered reward is a mode like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

import esper
from esper.errors import ConfigError
from esper.rewards.components import COMPONENTS, CONTRIBUTION_MODES, Component, contribution_components
from esper.rewards.config import RewardConfig
from esper.rewards.modes import COMPONENT_NAMES

pytestmark = pytest.mark.usefixtures("own_registry")


def test_its_components_are_paid_and_recorded(tmp_path: Path) -> None:
    esper.register_reward("two", "two constants", [Component("one", lambda _: 0.25), Component("more", lambda _: 0.5)])
    run = esper.train("digits", rounds=1, envs=2, episode_length=3, set=["reward.mode=two"], out=tmp_path)
    assert run.config.reward.mode == "two"
    (summary,) = [event.payload for event in run.events if event.payload.kind.name == "REWARD_SUMMARY"]
    assert {term.name: term.value for term in summary.mean_terms} == {"one": 0.25, "more": 0.5}
    assert [env.total_reward for env in summary.envs] == [2.25, 2.25]


def test_a_mode_that_is_not_registered_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"reward\.mode is 'two': there is no such reward mode"):
        RewardConfig(mode="two")
    with pytest.raises(ConfigError, match=r"did you mean shaped\?"):
        RewardConfig(mode="shapd")


def test_components_need_names_of_their_own() -> None:
    twice = Component("one", lambda _: 0.25)
    for components in ([], [twice, twice]):
        with pytest.raises(ConfigError, match="each with its own name"):
            esper.register_reward("two", "wrong", components)
    with pytest.raises(ConfigError, match="'shaped' is already registered"):
        esper.register_reward("shaped", "taken", [twice])


def test_a_sum_of_modes_and_components_pays_each_component_once(tmp_path: Path) -> None:
    esper.register_reward_component("mine", lambda _: 0.5)
    run = esper.train(
        "digits", rounds=1, envs=1, episode_length=2, set=["reward.mode=sparse+mine+sparse_score"], out=tmp_path
    )
    assert run.config.reward.mode == "sparse+mine+sparse_score"
    (summary,) = [event.payload for event in run.events if event.payload.kind.name == "REWARD_SUMMARY"]
    terms = {term.name: term.value for term in summary.mean_terms}
    assert list(terms) == ["sparse_score", "mine"]
    assert terms["mine"] == 0.5


def test_the_parts_of_a_sum_are_checked() -> None:
    names = [component.name for component in contribution_components(RewardConfig(mode="basic+synergy_bonus"))]
    assert names == [*(component.name for component in CONTRIBUTION_MODES["basic"]), "synergy_bonus"]
    assert [item.name for item in contribution_components(RewardConfig(mode="terminal_delta"))] == ["terminal_delta"]
    with pytest.raises(ConfigError, match=r"no such reward mode or component as 'synergi_bonus'; did you mean synergy"):
        RewardConfig(mode="basic+synergi_bonus")
    with pytest.raises(ConfigError, match="names basic twice"):
        RewardConfig(mode="basic+basic")


def test_a_component_needs_a_name_of_its_own() -> None:
    for name in ("synergy_bonus", "shaped"):
        with pytest.raises(ConfigError, match=f"'{name}' is already registered"):
            esper.register_reward_component(name, lambda _: 0.0)


def test_every_component_can_be_named() -> None:
    assert set(COMPONENTS) == COMPONENT_NAMES
