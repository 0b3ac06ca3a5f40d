"""Draws the conditions of episodes. They follow from the configuration, the run's seed and the episode's number."""

from __future__ import annotations

import math

import torch

from esper.contracts.conditions import Conditions
from esper.contracts.randomness import derive_seed
from esper.training.variety import VarietyConfig


def draw_conditions(config: VarietyConfig, run_seed: int, episode: int) -> Conditions | None:
    """The conditions of an episode, or None if all hosts are alike.

    What one range gives does not depend on the others. The same episode of every policy group, and its control host,
    have the same conditions.
    """
    if not config.draws:
        return None
    return Conditions(
        label_noise=_between(config.label_noise, run_seed, "label noise", episode, default=0.0),
        data_share=_between(config.data_share, run_seed, "data share", episode, default=1.0),
        size_price=_price(config, run_seed, episode),
    )


def _price(config: VarietyConfig, run_seed: int, episode: int) -> float | None:
    if not config.size_price:
        return None
    low, high = (math.log(bound) for bound in config.size_price)
    warmup = config.size_price_warmup_episodes
    opened = min(1.0, episode / warmup) if warmup else 1.0
    return math.exp(_between((low, low + opened * (high - low)), run_seed, "size price", episode, default=0.0))


def _between(bounds: tuple[float, ...], run_seed: int, stream: str, episode: int, *, default: float) -> float:
    """A number from the named stream, evenly from the range."""
    if not bounds:
        return default
    low, high = bounds
    generator = torch.Generator().manual_seed(derive_seed(run_seed, stream, episode))
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))
