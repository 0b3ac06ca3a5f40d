from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.training.ppo.advantages import generalized_advantages, masked_mean_std, normalize_advantages


def scalar_advantages(
    rewards: list[float], values: list[float], last_value: float, gamma: float, gae_lambda: float
) -> list[float]:
    """Definition: the (gamma lambda)-weighted sum of all later temporal-difference errors of one episode."""
    following = [*values[1:], last_value]
    errors = [r + gamma * after - v for r, v, after in zip(rewards, values, following, strict=True)]
    return [
        sum((gamma * gae_lambda) ** (later - t) * errors[later] for later in range(t, len(errors)))
        for t in range(len(errors))
    ]


numbers = st.floats(-10.0, 10.0)


@st.composite
def episodes(draw: st.DrawFn) -> tuple[list[float], list[float], float, bool]:
    length = draw(st.integers(1, 7))
    exact = {"min_size": length, "max_size": length}
    return draw(st.lists(numbers, **exact)), draw(st.lists(numbers, **exact)), draw(numbers), draw(st.booleans())


@settings(deadline=None)
@given(
    batch=st.lists(episodes(), min_size=1, max_size=4),
    gamma=st.floats(0.0, 1.0),
    gae_lambda=st.floats(0.0, 1.0),
)
def test_equals_the_definition_episode_by_episode(
    batch: list[tuple[list[float], list[float], float, bool]], gamma: float, gae_lambda: float
) -> None:
    shape = (len(batch), 7)
    # What lies after an episode's end is garbage that must not leak into it.
    rewards, values, bootstrap = (torch.full(shape, 1e6, dtype=torch.float64) for _ in range(3))
    done, truncated, valid = (torch.zeros(shape, dtype=torch.bool) for _ in range(3))
    expected = torch.zeros(shape, dtype=torch.float64)
    for env, (env_rewards, env_values, last_value, is_truncated) in enumerate(batch):
        length = len(env_rewards)
        rewards[env, :length] = torch.tensor(env_rewards, dtype=torch.float64)
        values[env, :length] = torch.tensor(env_values, dtype=torch.float64)
        valid[env, :length] = True
        done[env, length - 1] = True
        truncated[env, length - 1] = is_truncated
        bootstrap[env, length - 1] = last_value
        oracle = scalar_advantages(env_rewards, env_values, last_value * is_truncated, gamma, gae_lambda)
        expected[env, :length] = torch.tensor(oracle, dtype=torch.float64)
    computed = generalized_advantages(
        rewards_et=rewards,
        values_et=values,
        done_et=done,
        truncated_et=truncated,
        bootstrap_et=bootstrap,
        learned_et=valid,
        gamma=gamma,
        gae_lambda=gae_lambda,
    )
    torch.testing.assert_close(computed, expected, atol=1e-9, rtol=1e-9)


def test_only_counted_steps_shape_and_get_normalised_advantages() -> None:
    advantages = torch.tensor([[1.0, 3.0, 1e9]])
    counted = torch.tensor([[True, True, False]])
    assert normalize_advantages(advantages, counted, 0.1).tolist() == [[-1.0, 1.0, 0.0]]


def test_a_small_spread_is_not_blown_up() -> None:
    advantages = torch.tensor([[0.01, -0.01]])
    counted = torch.ones(1, 2, dtype=torch.bool)
    torch.testing.assert_close(normalize_advantages(advantages, counted, 0.1), advantages / 0.1)


def test_statistics_over_nothing_are_zero() -> None:
    mean, std = masked_mean_std(torch.ones(2, 2), torch.zeros(2, 2, dtype=torch.bool))
    assert (mean.item(), std.item()) == (0.0, 0.0)


def cut_advantages(rewards: list[float]) -> list[float]:
    """Three steps, of which the operator decided the second; gamma 0.9, lambda 0.5, values 0.5, 0.2, 0.1."""
    computed = generalized_advantages(
        rewards_et=torch.tensor([rewards], dtype=torch.float64),
        values_et=torch.tensor([[0.5, 0.2, 0.1]], dtype=torch.float64),
        done_et=torch.tensor([[False, False, True]]),
        truncated_et=torch.zeros(1, 3, dtype=torch.bool),
        bootstrap_et=torch.zeros(1, 3, dtype=torch.float64),
        learned_et=torch.tensor([[True, False, True]]),
        gamma=0.9,
        gae_lambda=0.5,
    )
    return computed[0].tolist()


def test_what_the_operator_did_ends_the_trace_of_the_decisions_before() -> None:
    # The first is judged by the value of the state that it led to: 1 + 0.9 * 0.2 - 0.5. The last is its own error.
    assert cut_advantages([1.0, 5.0, 2.0]) == pytest.approx([0.68, 0.0, 1.9])


def test_what_the_operator_earned_is_nobody_s_merit() -> None:
    assert cut_advantages([1.0, 5.0, 2.0]) == cut_advantages([1.0, -1e6, 2.0])
