from __future__ import annotations

import pytest
import torch

from esper.training.ppo.value_normalizer import ValueNormalizer

CPU = torch.device("cpu")


def keep(normalizer: ValueNormalizer, returns: torch.Tensor) -> None:
    state, _ = normalizer.including(returns, torch.ones_like(returns, dtype=torch.bool))
    normalizer.load_state(state)


def returns(std: float, count: int = 64, seed: int = 0) -> torch.Tensor:
    values = torch.randn(1, count, generator=torch.Generator().manual_seed(seed))
    return 5.0 + std * (values - values.mean()) / values.std(correction=0)


def test_the_scale_is_one_until_enough_was_seen() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0, count=31))
    assert normalizer.scale == 1.0
    keep(normalizer, returns(4.0, count=1 + 63))
    assert normalizer.scale == pytest.approx(4.0, rel=1e-3)


def test_later_batches_move_the_variance_slowly() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0))
    keep(normalizer, returns(1.0))
    assert normalizer.scale == pytest.approx((0.99 * 16.0 + 0.01 * 1.0) ** 0.5, rel=1e-4)


def test_looking_ahead_changes_nothing() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0))
    _, scale = normalizer.including(returns(400.0), torch.ones(1, 64, dtype=torch.bool))
    assert scale > 20.0
    assert normalizer.scale == pytest.approx(4.0, rel=1e-4)


def test_steps_after_an_episode_do_not_count() -> None:
    valid = torch.ones(1, 64, dtype=torch.bool)
    valid[0, 50:] = False
    dirty = returns(4.0)
    dirty[0, 50:] = 1e6
    _, scale = ValueNormalizer(CPU).including(dirty, valid)
    assert scale == pytest.approx(returns(4.0)[0, :50].std(correction=0).item(), rel=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0, 3.0])
def test_equal_returns_keep_a_size_that_a_critic_can_learn(value: float) -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, torch.full((1, 64), value))
    assert normalizer.scale == pytest.approx(0.1)


def test_a_saved_state_is_a_copy() -> None:
    normalizer = ValueNormalizer(CPU)
    keep(normalizer, returns(4.0))
    saved = normalizer.state()
    keep(normalizer, returns(1.0))
    restored = ValueNormalizer(CPU)
    restored.load_state(saved)
    assert restored.scale == pytest.approx(4.0, rel=1e-4)
