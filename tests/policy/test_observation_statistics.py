"""Statistics of normalised observations against numpy, and that a run's normaliser stands still while it acts."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from esper.policy.features import BASE_FEATURES, SLOT_FEATURES
from esper.policy.observation_statistics import observation_statistics
from esper.telemetry.events import ObservationStats

CLIP = 10.0
SIZE = len(BASE_FEATURES) + len(SLOT_FEATURES)


def statistics(features: torch.Tensor, valid: torch.Tensor) -> dict[str, float]:
    values = observation_statistics(features, valid, CLIP).tolist()
    return dict(zip((item.name for item in fields(ObservationStats)), values, strict=True))


def observations(seed: int = 0) -> torch.Tensor:
    drawn = 4.0 * torch.randn(3, 20, SIZE, generator=torch.Generator().manual_seed(seed)) + 0.5
    return drawn.clamp(-CLIP, CLIP)


def test_they_are_what_numpy_makes_of_the_valid_steps() -> None:
    features, valid = observations(), torch.ones(3, 20, dtype=torch.bool)
    valid[1, 7:] = False
    seen = features[valid].numpy()
    host, slots = seen[:, : len(BASE_FEATURES)], seen[:, len(BASE_FEATURES) :]
    expected = {
        "host_mean": host.mean(),
        "host_std": host.std(),
        "slot_mean": slots.mean(),
        "slot_std": slots.std(),
        "outlier_share": (np.abs(seen) > 3).mean(),
        "near_clip_share": (np.abs(seen) >= 9).mean(),
        "clipped_share": (np.abs(seen) >= 10).mean(),
        "non_finite_share": 0.0,
        "drift": np.abs(seen.mean(0)).mean(),
    }
    assert statistics(features, valid) == pytest.approx(expected, rel=1e-4)
    assert 0 < expected["clipped_share"] < expected["near_clip_share"] < expected["outlier_share"]


def test_what_lies_after_the_end_of_an_episode_does_not_count() -> None:
    features, valid = observations(), torch.ones(3, 20, dtype=torch.bool)
    valid[1, 7:] = False
    other = features.clone()
    other[1, 7:] = torch.nan
    assert statistics(features, valid) == statistics(other, valid)


def test_numbers_that_are_none_are_counted() -> None:
    features, valid = observations(), torch.ones(3, 20, dtype=torch.bool)
    features[0, 0, :3] = torch.nan
    assert statistics(features, valid)["non_finite_share"] == pytest.approx(3 / features.numel())


def test_over_no_step_nothing_is_claimed() -> None:
    empty = observation_statistics(observations(), torch.zeros(3, 20, dtype=torch.bool), CLIP)
    assert not empty.isfinite().any()
