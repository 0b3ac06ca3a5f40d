from __future__ import annotations

import pytest
import torch

from esper.training.ppo.value_normalizer import ValueNormalizer, ValueNormalizerState

CPU = torch.device("cpu")


def keep(normalizer: ValueNormalizer, returns: torch.Tensor) -> None:
    normalizer.load_state(looked_at(normalizer, returns))


def looked_at(normalizer: ValueNormalizer, returns: torch.Tensor) -> ValueNormalizerState:
    return normalizer.including(returns, torch.ones_like(returns, dtype=torch.bool))


def returns(std: float, count: int = 64, seed: int = 0, mean: float = 5.0) -> torch.Tensor:
    values = torch.randn(1, count, generator=torch.Generator().manual_seed(seed))
    return mean + std * (values - values.mean()) / values.std(correction=0)


def test_the_units_are_those_of_the_reward_until_enough_was_seen() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0, count=31))
    assert normalizer.to_rewards(torch.tensor(3.0)) == 3.0
    keep(normalizer, returns(4.0, count=1 + 63))
    assert normalizer.to_rewards(torch.tensor(0.0)) == pytest.approx(5.0, rel=1e-3)
    assert normalizer.to_rewards(torch.tensor(1.0)) == pytest.approx(9.0, rel=1e-3)


def test_returns_are_centred_and_scaled_and_come_back() -> None:
    normalizer, seen = ValueNormalizer(CPU), returns(4.0, mean=100.0)
    keep(normalizer, seen)
    targets = normalizer.state().to_critic(seen)
    assert targets.mean() == pytest.approx(0.0, abs=1e-4)
    assert targets.std(correction=0) == pytest.approx(1.0, rel=1e-4)
    assert torch.allclose(normalizer.to_rewards(targets), seen, rtol=1e-5)


def test_the_first_batches_count_alike() -> None:
    """As if all of them were one batch: no batch is forgotten while few were seen."""
    normalizer, batches = ValueNormalizer(CPU), [returns(1.0 + n, seed=n, mean=10.0 * n) for n in range(5)]
    for batch in batches:
        keep(normalizer, batch)
    whole = torch.cat(batches, 1)
    assert normalizer.state().mean == pytest.approx(whole.mean().item(), rel=1e-4)
    assert normalizer.state().scale == pytest.approx(whole.std(correction=0).item(), rel=1e-4)


def test_old_returns_are_forgotten_in_the_end() -> None:
    normalizer = ValueNormalizer(CPU)
    for _ in range(30):
        keep(normalizer, returns(4.0))
    for _ in range(200):
        keep(normalizer, returns(1.0, mean=0.0))
    assert normalizer.state().mean == pytest.approx(0.0, abs=0.05)
    assert normalizer.state().scale == pytest.approx(1.0, rel=0.1)


def test_looking_ahead_changes_nothing() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0))
    assert looked_at(normalizer, returns(400.0)).scale > 20.0
    assert normalizer.state().scale == pytest.approx(4.0, rel=1e-4)


def test_steps_after_an_episode_do_not_count() -> None:
    valid = torch.ones(1, 64, dtype=torch.bool)
    valid[0, 50:] = False
    dirty = returns(4.0)
    dirty[0, 50:] = 1e6
    state = ValueNormalizer(CPU).including(dirty, valid)
    assert state.scale == pytest.approx(returns(4.0)[0, :50].std(correction=0).item(), rel=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0, 3.0])
def test_equal_returns_keep_a_size_that_a_critic_can_learn(value: float) -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, torch.full((1, 64), value))
    assert normalizer.state().scale == pytest.approx(0.1)


def test_rewards_in_other_units_change_the_returns_and_not_the_critic() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0, mean=20.0))
    before = normalizer.to_rewards(torch.tensor(1.5))
    normalizer.change_units(0.5)
    assert normalizer.to_rewards(torch.tensor(1.5)) == pytest.approx(0.5 * before.item(), rel=1e-5)


def test_a_saved_state_is_a_copy() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0))
    saved = normalizer.state()
    keep(normalizer, returns(1.0))
    restored = ValueNormalizer(CPU)
    restored.load_state(saved)
    assert restored.state().scale == pytest.approx(4.0, rel=1e-4)
