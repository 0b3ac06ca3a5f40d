"""A fleet on several devices is the fleet on one device. On a CPU, two shards are two threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from esper.errors import ConfigError
from esper.fleet.broadcast import Broadcast, rows_of
from esper.fleet.fleet import Fleet
from esper.layers.batch import Minibatch

ENVS = range(7)
VALIDATION = 99


def live(play: Any, epoch: int) -> Any:
    play.live(epoch)
    fleet: Fleet = play.fleet
    train = fleet.train_epoch(play.batches(epoch))
    return fleet.collect(train, fleet.evaluate(play.batches(VALIDATION), ablation=True))


@pytest.mark.parametrize("algorithm", ["loop", "native"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "per_env"])
@pytest.mark.parametrize("shards", [2, 3])
def test_a_sharded_fleet_is_the_whole_one_bitwise(
    scenario: Callable[..., Any], algorithm: str, shared: bool, shards: int
) -> None:
    whole, parts = scenario(ENVS, algorithm, shared=shared), scenario(ENVS, algorithm, shared=shared, shards=shards)
    for epoch in range(5):
        assert live(parts, epoch) == live(whole, epoch)
        for env in ENVS:
            mine, other = parts.fleet.snapshot_row(env), whole.fleet.snapshot_row(env)
            assert torch.equal(mine.host, other.host)
            assert [seed.slot for seed in mine.seeds] == [seed.slot for seed in other.seeds]


def test_a_row_of_a_later_shard_goes_back_to_its_snapshot(scenario: Callable[..., Any]) -> None:
    parts = scenario(ENVS, "loop", shards=2)
    kept = [parts.fleet.snapshot_row(env) for env in ENVS]
    live(parts, 0)
    parts.fleet.restore_row(5, kept[5])
    assert torch.equal(parts.fleet.snapshot_row(5).host, kept[5].host)
    assert not torch.equal(parts.fleet.snapshot_row(4).host, kept[4].host)


def test_more_devices_than_envs_is_an_error(scenario: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"run\.devices names 3 devices: there are only 2 envs.*name fewer"):
        scenario(range(2), "loop", shards=3)


def test_every_reader_gets_every_minibatch_once() -> None:
    batches = [Minibatch(torch.full((2, 1), float(n)), torch.zeros(2, 1)) for n in range(4)]
    broadcast = Broadcast(iter(batches), readers=2)
    first, second = broadcast.reader(0), broadcast.reader(1)
    assert next(first) is batches[0]
    assert list(second) == batches
    assert list(first) == batches[1:]


def test_shared_samples_stay_shared_in_a_part() -> None:
    one = torch.randn(1, 5, 2)
    part = rows_of(Minibatch(one.expand(6, -1, -1), torch.arange(6)[:, None]), range(2, 4), torch.device("cpu"))
    assert part.inputs.shape == (2, 5, 2)
    assert part.inputs.stride(0) == 0
    assert part.targets.flatten().tolist() == [2, 3]
