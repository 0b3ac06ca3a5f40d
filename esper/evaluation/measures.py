"""The measures in which two groups are compared: one number per env and episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from esper.training.vectorized_types import EpisodeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure.

    name: its name in JSON.
    label, unit, decimals: how tables show it.
    read: gives the number, or None if it was not measured.
    """

    name: str
    label: str
    unit: str
    decimals: int
    read: Callable[[EpisodeRecord], float | None]


MEASURES: Final = (
    Measure(
        name="validation_accuracy",
        label="val accuracy",
        unit="%",
        decimals=2,
        read=lambda record: record.final_accuracy,
    ),
    Measure(
        name="test_accuracy", label="test accuracy", unit="%", decimals=2, read=lambda record: record.test_accuracy
    ),
    Measure(name="reward", label="reward", unit="", decimals=2, read=lambda record: record.episode_reward),
    Measure(name="parameters", label="parameters", unit="", decimals=0, read=lambda record: record.total_params),
    Measure(
        name="fossilized_seeds",
        label="fossilised seeds",
        unit="",
        decimals=2,
        read=lambda record: record.outcome.num_fossilized,
    ),
    Measure(name="pruned_seeds", label="pruned seeds", unit="", decimals=2, read=lambda record: record.outcome.prunes),
)
"""All measures are taken at the end of an episode. The reward is its raw sum; parameters count host and seeds."""
