"""How a batch lies beyond its means, against the slow way of computing it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from esper.training.ppo.batch_shape import batch_shape


def test_it_equals_what_numpy_and_scipy_say() -> None:
    generator = torch.Generator().manual_seed(3)
    advantages, values, returns, errors = torch.randn(4, 5, 7, generator=generator).double()
    log_probs = -torch.rand(5, 7, 3, generator=generator).double()
    learned = torch.rand(5, 7, generator=generator) > 0.2
    actor = learned & (torch.rand(5, 7, generator=generator) > 0.2)
    relevant = actor.unsqueeze(-1) & (torch.rand(5, 7, 3, generator=generator) > 0.5)
    found = batch_shape(
        advantages_et=advantages,
        values_et=values,
        returns_et=returns,
        errors_et=errors,
        log_probs_eth=log_probs,
        learned_et=learned,
        actor_et=actor,
        relevant_eth=relevant,
    )
    acted = advantages[actor].numpy()
    expected = [
        stats.skew(acted),
        stats.kurtosis(acted),
        (acted > 0).mean(),
        log_probs[relevant].min(),
        log_probs[relevant].max(),
        np.corrcoef(values[learned].numpy(), returns[learned].numpy())[0, 1],
        errors[learned].mean(),
        errors[learned].square().mean().sqrt(),
    ]
    assert found.tolist() == pytest.approx([float(one) for one in expected])


def test_over_nothing_it_is_not_finite() -> None:
    zeros, nothing = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    found = batch_shape(
        advantages_et=zeros,
        values_et=zeros,
        returns_et=zeros,
        errors_et=zeros,
        log_probs_eth=torch.zeros(2, 3, 4),
        learned_et=nothing,
        actor_et=nothing,
        relevant_eth=torch.zeros(2, 3, 4, dtype=torch.bool),
    )
    assert not found.isfinite().any()
