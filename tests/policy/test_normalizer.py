from __future__ import annotations

import pytest
import torch

from esper.policy.normalizer import RunningNormalizer

CPU = torch.device("cpu")


def normalizer(size: int = 3) -> RunningNormalizer:
    return RunningNormalizer(size, momentum=0.9, clip=5.0, device=CPU)


def batch(seed: int = 0) -> torch.Tensor:
    return 2.0 + 3.0 * torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(seed))


def test_normalising_does_not_move_the_statistics() -> None:
    frozen = normalizer()
    before = frozen.state()
    first = frozen.normalize(batch())
    assert torch.equal(first, frozen.normalize(batch()))
    assert torch.equal(before.mean_d, frozen.state().mean_d)
    assert torch.equal(before.variance_d, frozen.state().variance_d)


def test_an_update_is_the_moving_mixture_of_old_and_new() -> None:
    running, values = normalizer(), batch()
    running.update(values, torch.ones(4, 50, dtype=torch.bool))
    flat = values.flatten(0, 1)
    torch.testing.assert_close(running.state().mean_d, 0.1 * flat.mean(0))
    # The variance of a mixture of N(0, 1) with weight 0.9 and the batch with weight 0.1.
    second_moment = 0.9 * 1.0 + 0.1 * flat.square().mean(0)
    torch.testing.assert_close(running.state().variance_d, second_moment - (0.1 * flat.mean(0)).square())


def test_updates_converge_on_the_data() -> None:
    running = normalizer()
    for seed in range(200):
        running.update(batch(seed), torch.ones(4, 50, dtype=torch.bool))
    normal = running.normalize(batch(1000))
    assert normal.mean().abs() < 0.2
    assert (normal.std() - 1.0).abs() < 0.1


def test_steps_after_the_end_of_an_episode_do_not_count() -> None:
    valid = torch.ones(4, 50, dtype=torch.bool)
    valid[1, 20:] = False
    clean, dirty = batch(), batch()
    dirty[1, 20:] = 1e6
    clean[1, 20:] = 0.0
    first, second = normalizer(), normalizer()
    first.update(clean, valid)
    second.update(dirty, valid)
    assert torch.equal(first.normalize(batch()), second.normalize(batch()))


def test_a_rollout_without_a_step_leaves_the_statistics() -> None:
    running = normalizer()
    before = running.normalize(batch())
    running.update(batch(), torch.zeros(4, 50, dtype=torch.bool))
    assert torch.equal(before, running.normalize(batch()))


def test_outliers_are_clipped() -> None:
    assert normalizer().normalize(torch.tensor([[1e9, -1e9, 0.0]])).tolist() == [[5.0, -5.0, 0.0]]


def test_a_restored_normaliser_continues_where_the_saved_one_was() -> None:
    saved, restored = normalizer(), normalizer()
    saved.update(batch(), torch.ones(4, 50, dtype=torch.bool))
    state = saved.state()
    restored.load_state(state)
    for running in (saved, restored):
        running.update(batch(1), torch.ones(4, 50, dtype=torch.bool))
    assert torch.equal(saved.normalize(batch()), restored.normalize(batch()))
    with pytest.raises(ValueError, match="3 features, this run has 4"):
        normalizer(4).load_state(state)
