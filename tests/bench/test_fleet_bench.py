"""The fleet benchmark: names of cases, and both sides doing the same work."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from esper.bench.cases import FleetCase, fixed_names, fleet_case, sweep_names
from esper.bench.fleet import training
from esper.bench.growth import BLUEPRINTS, STAGES, blueprint_of, control_of
from esper.bench.sides import build_sides, for_all, make_images
from esper.errors import ConfigError
from esper.fleet.plain.modules import flat

CPU = torch.device("cpu")


def tiny(name: str) -> FleetCase:
    case = fleet_case(name)
    return replace(case, shape=replace(case.shape, batch_size=6), steps=2)


def test_the_fixed_cases_have_the_shapes_that_their_names_say() -> None:
    wide = fleet_case("digits-wide-E32-seeded")
    assert (wide.envs, wide.seeded, wide.shape.batch_size) == (32, True, 128)
    assert (wide.shape.input_shape, wide.host.widths) == ((1, 8, 8), (8, 16, 32))
    small = fleet_case("digits-small-E8")
    assert (small.envs, small.seeded, small.shape.batch_size, small.host.widths) == (8, False, 64, (4, 8))
    for size in (128, 512):
        cifar = fleet_case(f"cifar-b{size}-E8")
        assert (cifar.shape.input_shape, cifar.host.widths) == ((3, 32, 32), (8, 16, 32))
        assert cifar.shape.batch_size == size
    assert all(fleet_case(name).name == name for name in (*fixed_names(), *sweep_names()))


@pytest.mark.parametrize("name", ["digits", "digits-small-E0", "digits-small-E8-seed", "mnist-E8"])
def test_a_name_that_says_no_case_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="SHAPE-E<envs>"):
        fleet_case(name)


@pytest.mark.parametrize("name", ["digits-small-E3", "digits-wide-E5-seeded"])
def test_both_sides_of_a_timed_call_end_with_the_same_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = tiny(name)
    built = build_sides(case, CPU)
    monkeypatch.setattr("esper.bench.fleet.build_sides", lambda *_: built)
    before = built.fleet.snapshot_row(0).host
    for side in training(case, CPU):
        side()
    for env, twin in enumerate(built.plain):
        row = built.fleet.snapshot_row(env)
        torch.testing.assert_close(flat(twin.host), row.host, rtol=1e-3, atol=1e-5)
        assert len(row.seeds) == (built.fleet.slot_config.num_slots if case.seeded else 0)
        for seed in row.seeds:
            torch.testing.assert_close(flat(twin.seeds[seed.slot]), seed.values, rtol=1e-3, atol=1e-5)
    assert not torch.equal(before, built.fleet.snapshot_row(0).host)


def test_seeds_mix_blueprints_and_stages_alike_for_every_number_of_envs() -> None:
    def mixture(envs: int) -> Counter[object]:
        cells = [(slot, blueprint_of(env, slot), control_of(env, slot)) for env in range(envs) for slot in range(3)]
        return Counter(cells)

    few, many = mixture(8), mixture(32)
    assert few.keys() == many.keys()
    assert {many[cell] / few[cell] for cell in few} == {4.0}
    assert {cell[1] for cell in few} == set(BLUEPRINTS)
    assert {cell[2] for cell in few} == set(STAGES)
    for env in range(8):
        assert {control_of(env, slot) for slot in range(3)} == set(STAGES)


def test_minibatches_are_shared_views() -> None:
    case = tiny("digits-small-E3")
    batch = for_all(make_images(case, CPU, count=4), 3)
    assert batch.inputs.shape == (3, 4, 1, 8, 8)
    assert batch.inputs.stride(0) == 0
