"""What several processes cannot share is refused before anything runs, and what they share is the same on all."""

from __future__ import annotations

import pytest
import torch
from threads import ThreadRanks, in_ranks

from esper.errors import ConfigError, RankError
from esper.history.presets import load_preset, with_overrides
from esper.policy.baselines.static import StaticRule
from esper.rewards.normalizer import RewardNormalizer
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.controllers.frozen_agent import FrozenAgent
from esper.training.controllers.rule_controller import RuleController
from esper.training.group import Group
from esper.training.group_spec import GroupSpec
from esper.training.ppo.minibatches import draw_minibatches
from esper.training.ranks.protocol import SINGLE, first_alone, own_envs, require_equal
from esper.training.shares import begin_rollout, check_shares, end_rollout, join_ranks, share_state

CPU = torch.device("cpu")


def config(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits"), ["fleet.envs=4", *overrides])


class Learner(RuleController):
    """A controller of a user's own that learns, and knows nothing of ranks."""

    @property
    def learns(self) -> bool:
        return True


def test_groups_are_compared_in_one_process() -> None:
    specs = [GroupSpec(config=config(), group_id=name) for name in ("a", "b")]
    check_shares(specs, SINGLE)
    with pytest.raises(ConfigError, match=r"the run has 2 policy groups: groups are compared in one process"):
        in_ranks(2, lambda ranks: check_shares(specs, ranks))


def test_each_process_takes_the_gpu_of_its_number() -> None:
    with pytest.raises(ConfigError, match=r"run\.device is cuda:1: each of 2 processes takes the GPU of its own"):
        in_ranks(2, lambda ranks: check_shares([GroupSpec(config=config("run.device=cuda:1"))], ranks))


def test_a_controller_that_learns_alone_is_refused() -> None:
    join_ranks(Learner("mine", StaticRule), SINGLE)
    with pytest.raises(ConfigError, match="controller mine learns, and has no method `join`"):
        in_ranks(2, lambda ranks: join_ranks(Learner("mine", StaticRule), ranks))


def group_of(controller: Agent | FrozenAgent, ranks: ThreadRanks) -> Group:
    own = own_envs(ranks, 4)
    return Group(
        group_id="default",
        config=config(),
        controller=controller,
        reward_normalizer=RewardNormalizer(clip=10.0),
        env_ids=range(4),
        rows=own,
    )


def test_all_ranks_begin_with_the_policy_of_the_first() -> None:
    def begin(ranks: ThreadRanks) -> torch.Tensor:
        agent = Agent(config(f"run.seed={ranks.rank}"), CPU)
        frozen = FrozenAgent(config(), CPU, agent.state())
        join_ranks(frozen, ranks)
        group = group_of(frozen, ranks)
        share_state([group], ranks)
        return group.controller.state()["policy/features.0.weight"]

    first, second, third = in_ranks(3, begin)
    assert torch.equal(first, second)
    assert torch.equal(first, third)
    own = Agent(config("run.seed=1"), CPU).state()["policy/features.0.weight"]
    assert not torch.equal(first, own)


def test_rewards_of_earlier_rollouts_are_counted_once() -> None:
    def earn(ranks: ThreadRanks) -> tuple[float, int]:
        normalizer = RewardNormalizer(clip=10.0)
        for rollout in range(2):
            begin_rollout(normalizer, ranks)
            for reward in (1.0, 3.0):
                normalizer.normalize(reward + ranks.rank + rollout)
            end_rollout(normalizer, ranks)
        return normalizer.state.mean, normalizer.state.count

    assert in_ranks(3, earn) == [(3.5, 12)] * 3


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("parts", [1, 3, 5, 99])
def test_minibatches_are_those_of_one_process_in_parts(size: int, parts: int) -> None:
    def draw(ranks: ThreadRanks) -> list[tuple[list[int], list[int], int]]:
        drawn = draw_minibatches(8 // size, parts, torch.Generator().manual_seed(5), CPU, ranks)
        first = own_envs(ranks, 8).start
        return [
            ((one.envs_b + first).tolist(), one.places_b.tolist(), one.size) if one.counted else ([], [], one.size)
            for one in drawn
        ]

    whole = draw_minibatches(8, parts, torch.Generator().manual_seed(5), CPU, SINGLE)
    pieces = in_ranks(size, draw)
    for number, minibatch in enumerate(whole):
        placed = {place: env for piece in pieces for env, place in zip(*piece[number][:2], strict=True)}
        assert [placed[place] for place in range(minibatch.size)] == minibatch.envs_b.tolist()
        assert {piece[number][2] for piece in pieces} == {minibatch.size}


def test_the_first_rank_is_done_before_the_others_begin() -> None:
    order: list[int] = []
    in_ranks(3, lambda ranks: first_alone(ranks, lambda: order.append(ranks.rank)))
    assert order[0] == 0
    assert sorted(order) == [0, 1, 2]


def test_ranks_that_differ_are_named() -> None:
    in_ranks(3, lambda ranks: require_equal(ranks, "the data", "same"))
    with pytest.raises(RankError, match=r"the data of rank 2 is b, and that of rank 0 is a: all ranks must run the"):
        in_ranks(3, lambda ranks: require_equal(ranks, "the data", "b" if ranks.rank == 2 else "a"))
