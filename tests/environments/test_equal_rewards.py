"""The environments pay what the trainer pays: its actions, replayed through them, earn the same, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from short_runs import short_config

import esper
from esper.contracts.actions import Head
from esper.environments.vector import GrowthVectorEnv
from esper.history.presets import with_overrides
from esper.policy.acting import Decision
from esper.policy.baselines.random_legal import RandomRule
from esper.policy.situation import Situation
from esper.training.config import TrainingConfig
from esper.training.controllers.rule_controller import RuleController
from esper.training.episode.rollout import Rollout
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized


class Recorder(RuleController):
    """Draws at random, and keeps what it drew and saw."""

    def __init__(self) -> None:
        super().__init__("recorder", RandomRule)
        self.actions: list[list[tuple[int, ...]]] = []
        self.features: list[np.ndarray] = []

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        chosen = super().decide(situation, generator)
        self.actions.append([tuple(decision.actions) for decision in chosen])
        self.features.append(situation.observation.features_ed.numpy())
        return chosen


def recorded(config: TrainingConfig) -> tuple[Recorder, list[list[list[float]]], list[tuple[float, ...]]]:
    """The actions of a trainer's run, and for each round the raw rewards and the test accuracies of every env."""
    recorder = Recorder()
    rewards: list[list[list[float]]] = []
    tests: list[tuple[float, ...]] = []

    def keep(rollout: Rollout) -> None:
        rewards.append([list(episode.rewards) for episode in rollout.groups[0].episodes])
        tests.append(rollout.groups[0].test_accuracies)

    train_ppo_vectorized(config, RunHooks(make_controller=lambda *_: recorder, on_rollout=keep))
    return recorder, rewards, tests


def to_actions(env: GrowthVectorEnv, heads: list[tuple[int, ...]], kind: str) -> np.ndarray:
    if kind == "multi_discrete":
        return np.array(heads)
    return np.array([[choice.actions for choice in env._game.acting.choices].index(actions) for actions in heads])


@pytest.mark.parametrize("kind", ["multi_discrete", "discrete"])
@pytest.mark.parametrize("mode", ["shaped", "escrow"])
def test_equal_actions_earn_equal_rewards(kind: str, mode: str) -> None:
    config = short_config("run.rounds=2", "run.seed=5", "fleet.episode_length=12", f"reward.mode={mode}")
    recorder, expected, tests = recorded(config)
    env = esper.make_vec(config, 2, actions=kind, autoreset_mode="Disabled")
    for batch in range(2):
        observed, _ = env.reset(seed=5 if batch == 0 else None)
        earned = []
        for epoch in range(12):
            step = 12 * batch + epoch
            size = recorder.features[step].shape[1]
            np.testing.assert_array_equal(observed[:, :size], recorder.features[step])
            actions = to_actions(env, recorder.actions[step], kind)
            observed, rewards, terminated, truncated, infos = env.step(actions)
            assert not infos["illegal"].any()
            assert (terminated.all(), truncated.any()) == (epoch == 11, False)
            earned.append(rewards)
        assert np.array(earned).T.tolist() == expected[batch]
        assert tuple(infos["test_accuracy"]) == tests[batch]
    assert len({actions[Head.OP] for step in recorder.actions for actions in step}) > 3
    assert np.abs(np.array(expected)).sum() > 0


def test_a_lost_host_costs_the_governors_penalty_and_waits_for_the_others() -> None:
    """With hosts that count as lost at almost any loss, the trainer rolls back."""
    loses = (
        "governor.random_guess_multiplier=0.9",
        "governor.min_samples=1",
        "governor.panics_to_rollback=2",
        "governor.multiplier=0.9",
        "governor.sensitivity=0.0001",
    )
    config = with_overrides(short_config("run.rounds=1", "run.seed=5", "fleet.episode_length=8"), loses)
    recorder, (expected,), _ = recorded(config)
    assert any(rewards[-1] == -config.governor.penalty for rewards in expected), "no host was lost"
    env = esper.make_vec(config, 2, autoreset_mode="Disabled")
    env.reset(seed=5)
    earned: list[np.ndarray] = []
    terminated = np.array([False])
    for actions in recorder.actions:
        if terminated.any():
            break
        _, rewards, terminated, _, infos = env.step(np.array(actions))
        earned.append(rewards)
        for lost, mask in zip(infos["lost"], env.action_masks(), strict=True):
            assert not lost or mask[-6:].tolist() == [True] + [False] * 5
    assert terminated.all()
    for env_rewards, paid in zip(np.array(earned).T.tolist(), expected, strict=True):
        assert env_rewards[: len(paid)] == paid
        assert not any(env_rewards[len(paid) :])
