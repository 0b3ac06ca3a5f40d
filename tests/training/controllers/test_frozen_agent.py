"""A policy that only plays: greedy or sampled, and without the floors of exploration."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from esper.contracts.actions import Head, PerHead
from esper.history.presets import load_preset, with_overrides
from esper.policy.config import Decisions, PolicyConfig
from esper.telemetry.events import Event, LastAction
from esper.telemetry.hub import Hub
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.controllers.frozen_agent import FrozenAgent
from esper.training.controllers.protocol import Controller
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

TINY = ["run.rounds=1", "run.threads=1", "fleet.envs=4", "fleet.episode_length=12", "fleet.steps_per_epoch=1"]


class Listener:
    name = "listener"
    critical = False

    def __init__(self) -> None:
        self.actions: list[LastAction] = []

    def accept(self, event: Event) -> None:
        if isinstance(event.payload, LastAction):
            self.actions.append(event.payload)

    def close(self) -> None:
        pass


def tiny(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits_impaired"), [*TINY, *overrides])


def play(how: Decisions, *overrides: str) -> list[LastAction]:
    """What a policy with opinions does, once saved and made a frozen agent."""
    config, listener, hub = tiny(f"controller.decisions={how}", *overrides), Listener(), Hub()
    hub.add_sink(listener)

    def frozen(own: TrainingConfig, device: torch.device) -> Controller:
        taught = Agent(own, device)
        with torch.no_grad():
            for head in Head:
                taught.policy.head_parameters(head)[-2].mul_(300.0)
        return FrozenAgent(own, device, taught.state())

    train_ppo_vectorized(config, RunHooks(hub=hub, make_controller=frozen))
    return listener.actions


def op_probability(action: LastAction) -> float:
    return next(choice.probability for choice in action.heads if choice.head == "op")


def test_greedy_is_the_default() -> None:
    assert TrainingConfig().controller.decisions == "greedy"


def test_a_greedy_policy_chooses_what_it_thinks_best() -> None:
    for action in play("greedy"):
        assert all(op_probability(action) >= other.probability for other in action.alternatives)


def test_a_sampled_policy_also_chooses_what_is_less_likely() -> None:
    surprised = [
        action
        for action in play("sampled")
        if any(other.probability > op_probability(action) for other in action.alternatives)
    ]
    assert surprised


def test_floors_are_left_behind() -> None:
    """With floors of 0.9 every choice would be all but even, even to a policy that has made up its mind."""
    floors = [f"policy.probability_floors.{name}=0.9" for name in ("op", "slot", "blueprint")]
    found = Counter(op_probability(action) > 0.6 for action in play("greedy", *floors))
    assert found[True] > found[False]


@pytest.mark.parametrize(("episodes", "left"), [(0, 0.2), (50, 0.1), (100, 0.0), (1000, 0.0)])
def test_floors_shrink_over_the_episodes(episodes: int, left: float) -> None:
    config = PolicyConfig(probability_floors=PerHead.same(0.2), floor_anneal_episodes=100)
    assert config.floors_after(episodes) == pytest.approx([left] * len(Head))
    assert replace(config, floor_anneal_episodes=0).floors_after(episodes) == pytest.approx([0.2] * len(Head))


def test_the_floors_of_a_learning_agent_shrink_from_batch_to_batch() -> None:
    seen: list[float] = []

    class Watched(Agent):
        def begin_batch(self, reward_scale: float) -> None:
            super().begin_batch(reward_scale)
            seen.append(float(self.policy.floors_h[Head.OP]))

    config = tiny("run.rounds=3", "policy.floor_anneal_episodes=8", "policy.probability_floors.op=0.2")
    train_ppo_vectorized(config, RunHooks(make_controller=Watched))
    assert seen == pytest.approx([0.2, 0.1, 0.0])


def test_no_op_that_a_gate_would_refuse_is_on_offer() -> None:
    """A third of a trained policy's decisions were refused ADVANCEs."""
    for masks, refusals in (("possible", True), ("succeeding", False)):
        actions = play("sampled", f"growth.op_masks={masks}")
        assert any(not action.success for action in actions) is refusals
