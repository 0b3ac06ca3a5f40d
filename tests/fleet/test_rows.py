"""What must not move does not move, bit for bit: frozen seeds, resting rows, neighbours of a restored row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from esper.contracts.actions import Blueprint
from esper.fleet.fleet import Fleet
from esper.fleet.shard import RowSnapshot

ALGORITHMS = ["grouped", "loop", "native"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def equal(first: RowSnapshot, second: RowSnapshot) -> bool:
    seeds = zip(first.seeds, second.seeds, strict=True)
    return torch.equal(first.host, second.host) and all(
        mine.slot == other.slot and torch.equal(mine.values, other.values) for mine, other in seeds
    )


@pytest.fixture(params=ALGORITHMS)
def play(request: pytest.FixtureRequest, scenario: Callable[..., Any], controls: dict[str, Any]) -> Any:
    """Three envs, each with a CONV_LIGHT in slot 0; env 1 and 2 with a committed NORM in slot 1; trained once."""
    made = scenario(range(3), request.param)
    fleet: Fleet = made.fleet
    for env in range(3):
        fleet.add_seed(env, 0, Blueprint.CONV_LIGHT, generator(env))
    for env in (1, 2):
        fleet.add_seed(env, 1, Blueprint.NORM, generator(env))
    fleet.set_controls(0, [controls["b"], None])
    fleet.set_controls(1, [controls["t"], controls["f"]])
    fleet.set_controls(2, [controls["h"], controls["f"]])
    fleet.train_epoch(made.batches(0))
    return made


def test_a_frozen_seed_is_not_touched_and_thaws_where_it_was(play: Any, controls: dict[str, Any]) -> None:
    fleet: Fleet = play.fleet
    fleet.set_controls(0, [controls["d"], None])
    before = [fleet.snapshot_row(env) for env in range(3)]
    fleet.train_epoch(play.batches(1))
    after = [fleet.snapshot_row(env) for env in range(3)]
    assert torch.equal(before[0].seeds[0].values, after[0].seeds[0].values)
    assert not torch.equal(before[0].host, after[0].host)
    assert not torch.equal(before[1].seeds[0].values, after[1].seeds[0].values)
    fleet.set_controls(0, [controls["b"], None])
    fleet.train_epoch(play.batches(2))
    assert not torch.equal(after[0].seeds[0].values, fleet.snapshot_row(0).seeds[0].values)


def test_a_germinated_seed_waits_unchanged_and_does_not_act(play: Any, controls: dict[str, Any]) -> None:
    fleet: Fleet = play.fleet
    (before,) = fleet.evaluate(play.batches(5), ablation=False)
    fleet.add_seed(0, 1, Blueprint.NORM, generator(9))
    newborn = fleet.snapshot_row(0).seeds[1].values
    (after,) = fleet.evaluate(play.batches(5), ablation=False)
    assert torch.equal(before.loss_e, after.loss_e)
    (first, *_) = fleet.collect(fleet.train_epoch(play.batches(1)), [after])
    assert torch.equal(fleet.snapshot_row(0).seeds[1].values, newborn)
    assert first.gradients[0] is not None
    assert first.gradients[1] is None


def test_a_resting_row_keeps_everything_and_the_others_do_not_notice(play: Any, scenario: Callable[..., Any]) -> None:
    fleet: Fleet = play.fleet
    fleet.set_row_active(1, False)
    before = [fleet.snapshot_row(env) for env in range(3)]
    fleet.train_epoch(play.batches(1))
    assert equal(fleet.snapshot_row(1), before[1])
    assert not equal(fleet.snapshot_row(0), before[0])
    rested = [fleet.snapshot_row(env) for env in (0, 2)]
    fleet.set_row_active(1, True)
    fleet.train_epoch(play.batches(2))
    assert not equal(fleet.snapshot_row(1), before[1])
    assert not equal(fleet.snapshot_row(0), rested[0])


def test_neighbours_of_a_resting_row_train_as_if_it_trained(
    scenario: Callable[..., Any], controls: dict[str, Any]
) -> None:
    ends: list[RowSnapshot] = []
    for active in (True, False):
        made = scenario(range(3), "grouped")
        made.fleet.set_row_active(1, active)
        made.fleet.train_epoch(made.batches(0))
        ends.append(made.fleet.snapshot_row(0))
    assert equal(*ends)


def test_restoring_one_row_puts_it_back_and_leaves_the_others(play: Any) -> None:
    fleet: Fleet = play.fleet
    good = fleet.snapshot_row(1)
    fleet.train_epoch(play.batches(1))
    others = [fleet.snapshot_row(env) for env in (0, 2)]
    assert not equal(fleet.snapshot_row(1), good)
    fleet.restore_row(1, good)
    assert equal(fleet.snapshot_row(1), good)
    assert equal(fleet.snapshot_row(0), others[0])
    assert equal(fleet.snapshot_row(2), others[1])


def test_a_restored_row_has_no_momentum(play: Any) -> None:
    """Training from a snapshot is the same whatever momentum there was before."""
    fleet: Fleet = play.fleet
    good = fleet.snapshot_row(1)
    fleet.restore_row(1, good)
    fleet.train_epoch(play.batches(1))
    first = fleet.snapshot_row(1)
    fleet.train_epoch(play.batches(2))
    fleet.restore_row(1, good)
    fleet.train_epoch(play.batches(1))
    assert equal(fleet.snapshot_row(1), first)


def test_a_snapshot_does_not_revive_a_seed_nor_overwrite_a_later_one(play: Any) -> None:
    fleet: Fleet = play.fleet
    good = fleet.snapshot_row(1)
    fleet.remove_seed(1, 0)
    fleet.restore_row(1, good)
    assert [seed.slot for seed in fleet.snapshot_row(1).seeds] == [1]
    fleet.add_seed(1, 0, Blueprint.CONV_LIGHT, generator(77))
    later = fleet.snapshot_row(1)
    fleet.restore_row(1, good)
    assert equal(fleet.snapshot_row(1), later)


def test_a_snapshot_covers_a_row_until_a_seed_comes(play: Any) -> None:
    fleet: Fleet = play.fleet
    good = fleet.snapshot_row(1)
    assert fleet.is_covered(1, good)
    fleet.remove_seed(1, 0)
    assert fleet.is_covered(1, good)
    fleet.add_seed(1, 0, Blueprint.CONV_LIGHT, generator(77))
    assert not fleet.is_covered(1, good), "another seed sits in the slot now"
    again = fleet.snapshot_row(1)
    fleet.set_gate(1, 0, True, generator(78))
    assert not fleet.is_covered(1, again), "with a gate its values have another size"


def test_a_new_seed_in_a_used_slot_starts_without_momentum(
    scenario: Callable[..., Any], controls: dict[str, Any]
) -> None:
    """Its first steps are those of the same seed in a slot that was never used."""
    ends: list[torch.Tensor] = []
    for used in (True, False):
        made = scenario(range(2), "loop")
        fleet: Fleet = made.fleet
        if used:
            fleet.add_seed(0, 0, Blueprint.NORM, generator(1))
            fleet.set_controls(0, [controls["t"], None])
        fleet.train_epoch(made.batches(0))
        if used:
            fleet.remove_seed(0, 0)
        fleet.add_seed(0, 0, Blueprint.NORM, generator(2))
        fleet.set_controls(0, [controls["t"], None])
        fleet.train_epoch(made.batches(1))
        ends.append(fleet.snapshot_row(0).seeds[0].values)
    assert torch.equal(ends[0], ends[1])


def test_a_diverged_env_does_not_touch_its_neighbours(play: Any, scenario: Callable[..., Any]) -> None:
    fleet: Fleet = play.fleet
    poisoned = fleet.snapshot_row(1)
    fleet.restore_row(1, RowSnapshot(host=poisoned.host * torch.nan, seeds=poisoned.seeds))
    totals = fleet.train_epoch(play.batches(1))
    measured = fleet.collect(totals, fleet.evaluate(play.batches(2), ablation=True))
    assert measured[1].val_loss != measured[1].val_loss
    for env in (0, 2):
        row = fleet.snapshot_row(env)
        assert row.host.isfinite().all()
        assert all(seed.values.isfinite().all() for seed in row.seeds)
        assert measured[env].val_loss == pytest.approx(measured[env].val_loss)


def test_a_seed_in_training_does_not_reach_the_host(scenario: Callable[..., Any], controls: dict[str, Any]) -> None:
    """An env with an isolated seed in TRAINING ends with the host of an env without any."""
    ends: list[torch.Tensor] = []
    for grown in (True, False):
        made = scenario([0], "loop")
        if grown:
            made.fleet.add_seed(0, 0, Blueprint.CONV_LIGHT, generator())
            made.fleet.set_controls(0, [controls["t"], None])
        made.fleet.train_epoch(made.batches(0))
        ends.append(made.fleet.snapshot_row(0).host)
    assert torch.equal(ends[0], ends[1])
