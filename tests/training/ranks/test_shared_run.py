"""Two ranks train what one process trains: the same episodes, and the same policy up to the order of sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from threads import ThreadRanks, in_ranks
from torch import Tensor

from esper.contracts.actions import Op
from esper.contracts.orders import Order
from esper.errors import ConfigError, RankError
from esper.history.presets import load_preset, with_overrides
from esper.policy.baselines.static import StaticRule
from esper.rewards.normalizer import RewardNormalizer, RewardNormalizerState
from esper.telemetry.events import (
    CounterfactualMatrixComputed,
    EpisodeOutcome,
    EpochCompleted,
    Event,
    EventKind,
    LastAction,
    OperatorOrdered,
    Payload,
    RunEnd,
    TrainingEnded,
)
from esper.telemetry.hub import Hub
from esper.training.config import TrainingConfig
from esper.training.controllers.protocol import Controller
from esper.training.controllers.registry import make_controller
from esper.training.controllers.rule_controller import RuleController
from esper.training.group import Group
from esper.training.kept_hosts import KeptHosts
from esper.training.ranks.protocol import SINGLE, Ranks
from esper.training.run_control import RunControl
from esper.training.shares import require_same_state
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_ppo_vectorized

ENVS = 4
POLICY_TOLERANCE = 1e-5
"""What docs/scale.md promises about each number of the policy after a few rounds."""


def config(*overrides: str) -> TrainingConfig:
    own = [
        "run.rounds=2",
        "run.threads=1",
        f"fleet.envs={ENVS}",
        "fleet.episode_length=8",
        "fleet.steps_per_epoch=2",
        "fleet.conv_algorithm=loop",
        "ppo.minibatches=3",
        "ppo.epochs=2",
        "ppo.entropy_floors.op=0.9",
    ]
    return with_overrides(load_preset("digits"), [*own, *overrides])


class Seen:
    """A sink that keeps what it is given."""

    name = "test"
    critical = True

    def __init__(self) -> None:
        self.events: list[Event] = []

    def accept(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


@dataclass
class Outcome:
    """What one rank has of a run."""

    events: list[Event]
    result: TrainingResult
    state: dict[str, Tensor]
    kept: list[str]


def train(ranks: Ranks, settings: TrainingConfig, control: RunControl | None = None) -> Outcome:
    hub, seen, kept, controllers = Hub(), Seen(), list[str](), list[Controller]()
    if ranks.rank == 0:
        hub.add_sink(seen)

    def keep(hosts: KeptHosts) -> None:
        kept.extend(hosts.names)

    def make(config: TrainingConfig, device: torch.device) -> Controller:
        controllers.append(make_controller(config, device))
        return controllers[0]

    hooks = RunHooks(
        hub=hub,
        ranks=ranks,
        control=control or RunControl(),
        on_hosts=keep if ranks.rank == 0 else None,
        make_controller=make,
    )
    result = train_ppo_vectorized(settings, hooks)
    return Outcome(seen.events, result, controllers[0].state(), kept)


@pytest.fixture(scope="module")
def alone() -> Outcome:
    return train(SINGLE, config())


@pytest.fixture(scope="module")
def together() -> list[Outcome]:
    return in_ranks(2, lambda ranks: train(ranks, config()))


def lived(payload: Payload) -> Payload | tuple[object, ...] | None:
    """What an event says about an env's life; None for an event that says nothing about it.

    Probabilities and values are the policy's, and times are no part of it.
    """
    match payload:
        case CounterfactualMatrixComputed():
            return replace(payload, compute_ms=0.0)
        case LastAction():
            return (payload.env_id, payload.epoch, payload.op, payload.reward, *(h.choice for h in payload.heads))
        case EpochCompleted() | EpisodeOutcome():
            return payload
        case _:
            return payload if payload.kind.value.startswith("SEED") else None


def test_every_env_lives_the_same_life_in_any_number_of_ranks(alone: Outcome, together: list[Outcome]) -> None:
    lives = [lived(event.payload) for event in alone.events]
    assert sum(life is not None for life in lives) > 100
    assert [lived(event.payload) for event in together[0].events] == lives


def test_the_first_rank_records_what_one_process_records_in_the_same_order(
    alone: Outcome, together: list[Outcome]
) -> None:
    assert [event.kind for event in together[0].events] == [event.kind for event in alone.events]
    assert not together[1].events


def test_events_name_the_rank_that_trains_the_env(together: list[Outcome]) -> None:
    per_env = {
        event.payload.env_id: event.rank for event in together[0].events if isinstance(event.payload, LastAction)
    }
    assert per_env == {0: 0, 1: 0, 2: 1, 3: 1}
    assert {event.rank for event in together[0].events if event.kind is EventKind.PPO_UPDATE_COMPLETED} == {0}


def test_the_policy_is_that_of_one_process_up_to_the_order_of_sums(alone: Outcome, together: list[Outcome]) -> None:
    for name, tensor in alone.state.items():
        torch.testing.assert_close(together[0].state[name], tensor, rtol=POLICY_TOLERANCE, atol=POLICY_TOLERANCE)
        assert torch.equal(together[1].state[name], together[0].state[name]), name


def test_all_ranks_know_the_same_summaries(alone: Outcome, together: list[Outcome]) -> None:
    first, second = (outcome.result.summaries for outcome in together)
    assert [one.episode_history for one in first] == [one.episode_history for one in alone.result.summaries]
    assert [one.ppo_metrics is not None and one.episode_history for one in second] == [
        one.episode_history for one in first
    ]


def test_the_same_networks_are_kept(alone: Outcome, together: list[Outcome]) -> None:
    assert together[0].kept == alone.kept
    assert alone.kept


def stop_in_first_epoch(ranks: ThreadRanks) -> Outcome:
    control = RunControl()
    if ranks.rank == 1:
        control.request_stop(signal="SIGTERM")
    return train(ranks, config(), control)


def test_all_ranks_stop_when_one_is_asked_to() -> None:
    outcomes = in_ranks(2, stop_in_first_epoch)
    assert [outcome.result.end for outcome in outcomes] == [RunEnd.STOPPED] * 2
    last = outcomes[0].events[-1].payload
    assert isinstance(last, TrainingEnded)
    assert last.signal == "SIGTERM"


def order_for_the_last_env(ranks: Ranks) -> Outcome:
    control = RunControl()
    if ranks.rank == 0:
        control.give_order(Order(env_id=ENVS - 1, op=Op.WAIT, slot_id=None, epochs=8))
    return train(ranks, config("run.rounds=1"), control)


def test_an_order_reaches_an_env_of_another_rank() -> None:
    events = in_ranks(2, order_for_the_last_env)[0].events
    assert [event.payload.env_id for event in events if isinstance(event.payload, OperatorOrdered)] == [ENVS - 1]
    obeyed = [event for event in events if isinstance(event.payload, LastAction) and event.payload.operator is not None]
    assert {event.rank for event in obeyed} == {1}
    assert len(obeyed) == 8


def test_controllers_that_do_not_learn_and_control_hosts_are_shared_too() -> None:
    settings = config("run.rounds=1", "controller.name=random", "fleet.control_hosts=true", "fleet.data_order=per_env")
    one = train(SINGLE, settings)
    first = in_ranks(4, lambda ranks: train(ranks, settings))[0]
    assert [lived(event.payload) for event in first.events] == [lived(event.payload) for event in one.events]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["fleet.envs=3"], r"fleet\.envs is 3: 2 processes cannot share that evenly; make it a multiple of 2"),
        (['run.devices=["cpu", "cpu"]'], r"run\.devices is cpu, cpu: each of 2 processes has one device"),
    ],
)
def test_what_cannot_be_shared_is_refused(overrides: Sequence[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        in_ranks(2, lambda ranks: train(ranks, config(*overrides)))


def test_ranks_whose_policies_differ_do_not_go_on() -> None:
    def check(ranks: ThreadRanks) -> None:
        rewards = RewardNormalizer(clip=10.0, state=RewardNormalizerState(mean=float(ranks.rank), m2=1.0, count=2))
        group = Group(
            group_id="default",
            config=config(),
            controller=RuleController("static", StaticRule),
            reward_normalizer=rewards,
            env_ids=range(ENVS),
            rows=range(ENVS),
        )
        require_same_state([group], ranks)

    with pytest.raises(RankError, match=r"the digest of the policy of group default of rank 1 is .*all ranks must run"):
        in_ranks(2, check)
