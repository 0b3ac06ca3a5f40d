"""When the last good state is taken, on a real tiny fleet with seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from esper.contracts.actions import Blueprint
from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.measure import EnvMeasurement
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import topology_of
from esper.growth.lifecycle.config import GrowthConfig
from esper.policy.signals import EnvSignals
from esper.training.config import GovernorConfig
from esper.training.episode.env_episode import EnvEpisode
from esper.training.episode.oversight import Oversight
from esper.training.garden import Garden
from esper.training.governor import LossWindow

HOST, GROWTH = HostConfig(base_channels=2, blocks=3, pool_layers=1), GrowthConfig()
GOVERNOR = GovernorConfig(snapshot_interval=100, min_samples=2, panics_to_rollback=3)
NOTHING_OFF = CounterfactualMatrix(
    active=(False,) * 3,
    committed=(False,) * 3,
    measurements=(MaskedAccuracy(slots_on=(False,) * 3, accuracy=30.0),),
)
MEASURED = EnvMeasurement(
    train_loss=0.5,
    train_accuracy=50.0,
    val_loss=0.5,
    host_grad_norm=1.0,
    counterfactual=NOTHING_OFF,
    gradients=(None,) * 3,
)


class World:
    """One env under oversight. look() lets the governor see a loss and says after which epoch the snapshot is from."""

    def __init__(self) -> None:
        self.fleet = Fleet(
            host=HOST,
            growth=GROWTH,
            fleet=FleetConfig(envs=1),
            input_shape=(1, 4, 4),
            num_classes=3,
            devices=(torch.device("cpu"),),
            generators=[torch.Generator().manual_seed(0)],
        )
        garden = Garden(self.fleet, GROWTH, topology_of(HOST), run_seed=1, first_episode=0, group_size=1)
        self.oversight = Oversight(GOVERNOR, fleet=self.fleet, garden=garden, random_guess_loss=1.1)
        self.episode = EnvEpisode(
            env_id=0,
            signals=EnvSignals.initial(20),
            loss_window=LossWindow(),
            last_good=self.fleet.snapshot_row(0),
            rewards=[],
            accuracies=[],
        )

    def look(self, epoch: int, loss: float = 0.5) -> int:
        self.episode.measurement = replace(MEASURED, val_loss=loss)
        self.oversight.examine(self.episode, batch=1, epoch=epoch)
        return self.episode.last_good_epoch

    def germinate(self, slot: int) -> None:
        self.fleet.add_seed(0, slot, Blueprint.NORM, torch.Generator().manual_seed(slot))


@pytest.fixture
def world() -> World:
    return World()


def test_between_the_intervals_nothing_is_taken(world: World) -> None:
    assert [world.look(epoch) for epoch in range(1, 5)] == [0, 0, 0, 0]
    assert world.look(100) == 100


def test_a_seed_is_in_the_snapshot_from_its_first_healthy_epoch_on(world: World) -> None:
    """A fossilised seed that the snapshot lacks could not be restored."""
    world.look(1)
    world.germinate(0)
    assert [world.look(2), world.look(3)] == [2, 2]
    assert [seed.slot for seed in world.episode.last_good.seeds] == [0]
    world.germinate(1)
    assert world.look(4) == 4


def test_an_anomalous_epoch_is_never_kept(world: World) -> None:
    world.look(1)
    world.look(2)
    world.germinate(0)
    world.episode.snapshot_due = True
    assert [world.look(3, loss=9.0), world.look(4, loss=9.0)] == [0, 0]
    assert world.look(5) == 5, "the first healthy epoch after"
    assert not world.episode.snapshot_due
