"""The garden keeps lifecycle state and modules in step: here, the gate networks of the GATE blend."""

from __future__ import annotations

import pytest
import torch

from esper.contracts.actions import AlphaSpeed, AlphaTarget, Blueprint, Op, Style
from esper.contracts.seeds import GradientHealth
from esper.contracts.stages import SeedStage
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import topology_of
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SeedMeasurement
from esper.growth.seeds.blend_gate import gate_parameters
from esper.layers.batch import Minibatch
from esper.training.garden import Garden
from esper.training.vectorized_types import ActionSpec

HOST = HostConfig(base_channels=4, blocks=1)
GROWTH = GrowthConfig(auto_forward_g1=True, auto_forward_g2=True, auto_forward_g3=True, min_training_epochs=1)
CONV_SMALL = 4 * 4 + 3 * 4


def spec(op: Op, style: Style = Style.LINEAR_ADD) -> ActionSpec:
    return ActionSpec(
        slot_idx=0,
        blueprint_idx=Blueprint.CONV_SMALL,
        style_idx=style,
        tempo_idx=0,
        alpha_target_idx=AlphaTarget.FULL,
        alpha_speed_idx=AlphaSpeed.INSTANT,
        alpha_curve_idx=0,
        op_idx=op,
        target_slot="r0c0",
        slot_is_enabled=True,
        action_valid_for_reward=True,
        action_for_reward=op,
    )


class Patch:
    """A garden of one env and one slot, with its fleet and one minibatch."""

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
        self.garden = Garden(self.fleet, GROWTH, topology_of(HOST), run_seed=1, first_episode=0, group_size=1)
        generator = torch.Generator().manual_seed(1)
        inputs, targets = torch.randn(1, 6, 1, 4, 4, generator=generator), torch.arange(6)[None] % 3
        self.batch = Minibatch(inputs, targets)

    def seeds_parameters(self) -> int:
        return self.garden.total_params(0) - self.fleet.host_parameter_count

    def values(self) -> torch.Tensor:
        """The seed's flat row: gate parameters last."""
        (seed,) = self.fleet.snapshot_row(0).seeds
        return seed.values

    def hold(self) -> None:
        """Let epochs pass until the seed is in HOLDING."""
        health = GradientHealth(norm=1.0, health=1.0, ratio=1.0, has_vanishing=False, has_exploding=False)
        measured = SeedMeasurement(val_accuracy=50.0, contribution=None, interaction_sum=None, gradient=health)
        for _ in range(8):
            self.garden.record(0, 0, measured)
            self.garden.tick(0)
        (info,) = self.garden.infos(0)
        assert info is not None
        assert info.stage is SeedStage.HOLDING


@pytest.fixture
def patch() -> Patch:
    return Patch()


def test_a_seed_of_a_gate_style_is_born_with_its_gate(patch: Patch) -> None:
    assert patch.garden.execute(0, spec(Op.GERMINATE, Style.GATED_GATE), 50.0).refused is None
    assert patch.seeds_parameters() == CONV_SMALL + gate_parameters(4)
    assert len(patch.values()) == CONV_SMALL + gate_parameters(4)


def test_a_change_of_blend_brings_the_gate_and_takes_it_away(patch: Patch) -> None:
    patch.garden.execute(0, spec(Op.GERMINATE), 50.0)
    patch.hold()
    before = patch.values()
    assert len(before) == patch.seeds_parameters() == CONV_SMALL
    assert patch.garden.execute(0, spec(Op.SET_ALPHA_TARGET, Style.GATED_GATE), 50.0).refused is None
    assert patch.seeds_parameters() == CONV_SMALL + gate_parameters(4)
    assert torch.equal(patch.values()[:CONV_SMALL], before)

    newborn_gate = patch.values()[CONV_SMALL:]
    patch.fleet.train_epoch([patch.batch])
    learned = patch.values()
    assert not torch.equal(learned[CONV_SMALL:], newborn_gate)

    assert patch.garden.execute(0, spec(Op.SET_ALPHA_TARGET, Style.LINEAR_MULTIPLY), 50.0).refused is None
    assert patch.seeds_parameters() == CONV_SMALL
    assert torch.equal(patch.values(), learned[:CONV_SMALL])
    patch.fleet.train_epoch([patch.batch])


def test_a_gate_is_pruned_with_its_seed(patch: Patch) -> None:
    patch.garden.execute(0, spec(Op.GERMINATE, Style.GATED_GATE), 50.0)
    patch.hold()
    assert patch.garden.execute(0, spec(Op.PRUNE), 50.0).refused is None
    assert patch.seeds_parameters() == 0
    assert patch.fleet.snapshot_row(0).seeds == ()


def test_the_gate_of_a_training_seed_learns_from_the_first_epoch(patch: Patch) -> None:
    patch.garden.execute(0, spec(Op.GERMINATE, Style.GATED_GATE), 50.0)
    newborn = patch.values()
    patch.garden.tick(0)
    patch.fleet.train_epoch([patch.batch])
    sizes = [4, 16, 4, 4, 32, 8, 8, 1]
    moved = [not torch.equal(a, b) for a, b in zip(newborn.split(sizes), patch.values().split(sizes), strict=True)]
    assert all(moved)
