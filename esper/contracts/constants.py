"""Numbers that more than one room must agree on. Numbers with one owner live in that owner's config."""

from __future__ import annotations

from typing import Final

EPISODE_SUCCESS_THRESHOLD: Final = 80.0
"""Validation accuracy, percent, from which an episode counts as a success."""

GAMMA: Final = 0.995
"""Default discount; the reward's shaping must use the same value as PPO, so both take it from the run's config."""

ALPHA_TOLERANCE: Final = 1e-6
"""Two alphas closer than this are equal."""

UNMEASURED: Final = -1.0
"""Sentinel that the observation vector carries where a feature was not measured."""
AGENT_NAME: Final = "ppo"
"""The controller that learns: the recurrent policy, trained by PPO."""
STATIC_NAME: Final = "static"
"""The controller that never grows, which others are compared with."""
