"""A fleet of eight with seeds that germinate, blend, fade, commit and are pruned equals eight solo fleets.

The loop and native algorithms are held to equality of every bit. The grouped one computes the same sums in an order
that depends on the number of rows, so it is compared in double precision, where a rounding difference stays one: in
single precision a value at the kink of a ReLU can fall on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from esper.fleet.fleet import Fleet
from esper.fleet.measure import EnvMeasurement
from esper.fleet.plain.modules import flat
from esper.fleet.shard import RowSnapshot

EPOCHS = 6
ENVS = range(8)
VALIDATION = 99
DOUBLE_TOLERANCE = 1e-12


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def epoch_of(play: Any, epoch: int) -> tuple[EnvMeasurement, ...]:
    """Let one epoch happen, train, validate with ablation, and collect."""
    play.live(epoch)
    fleet: Fleet = play.fleet
    train = fleet.train_epoch(play.batches(epoch))
    return fleet.collect(train, fleet.evaluate(play.batches(VALIDATION), ablation=True))


def difference(first: RowSnapshot, second: RowSnapshot) -> float:
    """Largest absolute difference between two rows that hold the same seeds."""
    assert [seed.slot for seed in first.seeds] == [seed.slot for seed in second.seeds]
    mine = [first.host, *(seed.values for seed in first.seeds)]
    other = [second.host, *(seed.values for seed in second.seeds)]
    return max(float((a - b).abs().max()) for a, b in zip(mine, other, strict=True))


@pytest.mark.parametrize("algorithm", ["loop", "native"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "per_env"])
def test_fleet_equals_solo_fleets_bitwise(scenario: Callable[..., Any], shared: bool, algorithm: str) -> None:
    together = scenario(ENVS, algorithm, shared=shared)
    solos = [scenario([env], algorithm, shared=shared) for env in ENVS]
    for epoch in range(EPOCHS):
        measured = epoch_of(together, epoch)
        for env, solo in enumerate(solos):
            assert epoch_of(solo, epoch) == (measured[env],), f"env {env}, epoch {epoch}"
            assert difference(together.fleet.snapshot_row(env), solo.fleet.snapshot_row(0)) == 0.0


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "per_env"])
def test_grouped_fleet_equals_solo_fleets(scenario: Callable[..., Any], shared: bool) -> None:
    together = scenario(ENVS, "grouped", shared=shared)
    solos = [scenario([env], "grouped", shared=shared) for env in ENVS]
    for epoch in range(EPOCHS):
        measured = epoch_of(together, epoch)
        for env, solo in enumerate(solos):
            (alone,) = epoch_of(solo, epoch)
            assert alone.counterfactual == measured[env].counterfactual
            assert alone.val_loss == pytest.approx(measured[env].val_loss, rel=1e-12)
            assert alone.train_loss == pytest.approx(measured[env].train_loss, rel=1e-12)
            assert alone.host_grad_norm == pytest.approx(measured[env].host_grad_norm, rel=1e-10)
            assert difference(together.fleet.snapshot_row(env), solo.fleet.snapshot_row(0)) < DOUBLE_TOLERANCE


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("algorithm", ["grouped", "loop", "native"])
def test_fleet_equals_ordinary_modules_in_a_loop(
    scenario: Callable[..., Any],
    plain_scenario: Callable[[int], Any],
    plain_batches: Callable[..., Any],
    algorithm: str,
) -> None:
    together = scenario(ENVS, algorithm, shared=False)
    twins = [plain_scenario(env) for env in ENVS]
    for env, twin in enumerate(twins):
        twin.plain.load(together.fleet.snapshot_row(env))
    for epoch in range(EPOCHS):
        measured = epoch_of(together, epoch)
        for env, twin in enumerate(twins):
            twin.live(epoch)
            loss = twin.plain.train_epoch(plain_batches(env, epoch))
            assert float(loss) / 36 == pytest.approx(measured[env].train_loss, rel=1e-12)
            row = together.fleet.snapshot_row(env)
            torch.testing.assert_close(flat(twin.plain.host), row.host, rtol=0, atol=DOUBLE_TOLERANCE)
            for seed in row.seeds:
                mine = flat(twin.plain.seeds[seed.slot])
                torch.testing.assert_close(mine, seed.values, rtol=0, atol=DOUBLE_TOLERANCE)
            for one in measured[env].counterfactual.measurements:
                _, correct = twin.plain.evaluate(plain_batches(env, VALIDATION), one.slots_on)
                assert 100.0 * float(correct) / 36 == pytest.approx(one.accuracy)


@pytest.mark.parametrize("algorithm", ["grouped", "loop", "native"])
def test_two_fleets_with_the_same_seeds_are_the_same(scenario: Callable[..., Any], algorithm: str) -> None:
    first, second = scenario(ENVS, algorithm), scenario(ENVS, algorithm)
    for epoch in range(3):
        assert epoch_of(first, epoch) == epoch_of(second, epoch)
