"""Which networks stay in a run's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from esper.contracts.actions import Blueprint
from esper.growth.blueprints.from_module import module_blueprint
from esper.growth.blueprints.registry import register_blueprint
from esper.history import open_recording
from esper.history.host_files import list_hosts
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import Event, HostsKept
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

SHORT = [
    "run.rounds=3",
    "fleet.envs=4",
    "fleet.episode_length=3",
    "fleet.steps_per_epoch=3",
    "controller.name=static",
]


class Listener:
    name = "listener"
    critical = False

    def __init__(self) -> None:
        self.kept: list[HostsKept] = []

    def accept(self, event: Event) -> None:
        if isinstance(event.payload, HostsKept):
            self.kept.append(event.payload)

    def close(self) -> None: ...


def play(tmp_path: Path, *overrides: str, preset: str = "digits_impaired") -> tuple[Path, list[HostsKept]]:
    config = with_overrides(load_preset(preset), [*SHORT, *overrides])
    listener = Listener()
    with open_recording(config, tmp_path) as recording:
        recording.hub.add_sink(listener)
        train_ppo_vectorized(config, RunHooks(hub=recording.hub, on_hosts=recording.on_hosts))
    return recording.directory.path, listener.kept


def test_best_keeps_the_three_best_of_the_run_and_the_best_of_the_last_round(tmp_path: Path) -> None:
    every, _ = play(tmp_path / "all", "run.keep_hosts=all")
    best, kept = play(tmp_path / "best")
    accuracies = [host.description.validation_accuracy for host in list_hosts(every)]
    mine = list_hosts(best)
    assert [host.description.validation_accuracy for host in mine][:3] == accuracies[:3]
    assert 3 <= len(mine) <= 4
    assert any(host.description.batch == 3 for host in mine)
    assert {host.path.name for host in mine} == set(kept[-1].names)


def test_all_keeps_every_network_and_last_those_of_the_last_round(tmp_path: Path) -> None:
    every, _ = play(tmp_path / "all", "run.keep_hosts=all")
    last, _ = play(tmp_path / "last", "run.keep_hosts=last")
    assert len(list_hosts(every)) == 12
    assert [host.description.batch for host in list_hosts(last)] == [3] * 4


def test_none_keeps_nothing(tmp_path: Path) -> None:
    run, kept = play(tmp_path, "run.keep_hosts=none")
    assert list_hosts(run) == ()
    assert kept == []


GROWING = [
    "run.rounds=1",
    "fleet.envs=1",
    "fleet.episode_length=12",
    "fleet.steps_per_epoch=3",
    "controller.name=schedule",
    "growth.min_training_epochs=1",
]


@pytest.mark.usefixtures("own_registry")
def test_a_network_with_a_seed_of_ones_own_module_is_kept(tmp_path: Path) -> None:
    def build(channels: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Tanh())

    register_blueprint(
        Blueprint.CONV_LIGHT, module_blueprint(build), parameter_estimate=lambda channels: channels**2 + 2 * channels
    )
    overrides = [*GROWING, 'controller.schedule.blueprints=["conv_light"]']
    run, kept = play(tmp_path, *overrides)
    assert kept[-1].left_out == ()
    (host,) = list_hosts(run)
    assert [seed.blueprint for seed in host.description.seeds][:1] == [Blueprint.CONV_LIGHT]
    assert host.description.test_accuracy == pytest.approx(host.description.fleet_test_accuracy, abs=0.3)


@pytest.mark.usefixtures("own_registry")
def test_a_seed_without_an_ordinary_module_is_left_out_and_the_run_goes_on(tmp_path: Path) -> None:
    from esper.growth.blueprints.conv_light import ConvLightSeed

    register_blueprint(Blueprint.CONV_LIGHT, ConvLightSeed, parameter_estimate=lambda channels: 9 * channels**2)
    run, kept = play(tmp_path, *GROWING, 'controller.schedule.blueprints=["conv_light"]')
    assert list_hosts(run) == ()
    assert "blueprint CONV_LIGHT of cnn hosts has no ordinary module" in kept[-1].left_out[0]


def test_tokens(tmp_path: Path) -> None:
    run, _ = play(
        tmp_path,
        "run.rounds=1",
        "fleet.envs=1",
        "fleet.episode_length=8",
        "fleet.steps_per_epoch=2",
        "controller.name=schedule",
        "growth.min_training_epochs=1",
        preset="text",
    )
    (host,) = list_hosts(run)
    from esper.export.network import load_host

    assert host.description.seeds
    assert load_host(host)(torch.zeros(1, *host.description.input_shape, dtype=torch.int64)).ndim == 3
    assert host.description.test_accuracy == pytest.approx(host.description.fleet_test_accuracy, abs=0.1)
