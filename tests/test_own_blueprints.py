"""Blueprints with names of their own, from registration to a policy that plays again."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import esper
from esper.checkpoints import load_policy
from esper.conformance.blueprints import check_blueprint
from esper.contracts import blueprints
from esper.contracts.actions import Topology
from esper.contracts.blueprints import Blueprint, find_blueprint
from esper.errors import ConfigError
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.blueprints.from_module import module_blueprint
from esper.telemetry.events import SeedGerminated

pytestmark = pytest.mark.usefixtures("own_registry")

TINY = ("policy.hidden_size=8", "policy.feature_size=8", "run.threads=1", "growth.min_training_epochs=1")


def build(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.SiLU())


def register(*names: str) -> None:
    for name in names:
        esper.register_blueprint(
            name, module_blueprint(build), parameter_estimate=lambda channels: channels**2 + channels
        )


def train(out: Path, *settings: str, controller: str = "ppo") -> esper.Run:
    return esper.train(
        "digits_impaired",
        rounds=1,
        envs=2,
        episode_length=8,
        controller=controller,
        set=[*TINY, *settings],
        out=out,
    )


def test_any_number_of_them_grows_and_is_recorded(tmp_path: Path) -> None:
    register("first_of_mine", "second_of_mine")
    mine = find_blueprint("second_of_mine")
    assert mine is not None
    assert check_blueprint(mine).passed
    assert mine in available_blueprints(Topology.CNN)
    run = train(tmp_path, 'controller.schedule.blueprints=["second_of_mine"]', controller="schedule")
    born = [event.payload for event in run.events if isinstance(event.payload, SeedGerminated)]
    assert {seed.blueprint for seed in born} == {"second_of_mine"}
    started = next(iter(run.events)).payload
    assert [one.name for one in started.blueprints][-2:] == ["FIRST_OF_MINE", "SECOND_OF_MINE"]


def test_a_policy_names_its_blueprints_and_plays_with_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("mine")
    path = train(tmp_path).path
    saved = load_policy(path)
    (embedding,) = (tensor for name, tensor in saved.tensors.items() if name.endswith("embedding.weight"))
    assert embedding.shape[0] == len(Blueprint) + 2  # one for the new blueprint, and one for an empty slot
    monkeypatch.setattr(blueprints, "_declared", {})
    with pytest.raises(ConfigError, match=r"the blueprints MINE beside Esper's own, and this process has Esper's own"):
        load_policy(path)
    register_again = {"OTHER": blueprints._member("OTHER", 13)}
    monkeypatch.setattr(blueprints, "_declared", register_again)
    with pytest.raises(ConfigError, match="same plug-ins in the same order"):
        load_policy(path)


def test_a_record_is_read_without_the_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register("mine")
    path = train(tmp_path, 'controller.schedule.blueprints=["mine"]', controller="schedule").path
    monkeypatch.setattr(blueprints, "_declared", {})
    started = next(iter(esper.read_events(path))).payload
    assert started.blueprints[-1].name == "MINE"


def test_a_kept_host_with_such_a_seed_is_an_ordinary_module(tmp_path: Path) -> None:
    register("mine")
    run = train(tmp_path, 'controller.schedule.blueprints=["mine"]', "run.keep_hosts=all", controller="schedule")
    assert len(run.hosts()) == 2
    assert isinstance(run.load_host("best"), nn.Module)
