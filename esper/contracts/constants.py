"""Numbers that more than one room must agree on. Numbers with one owner live in that owner's config."""

from __future__ import annotations

from typing import Final

EPISODE_SUCCESS_THRESHOLD: Final = 80.0
"""The validation accuracy, in percent, from which an episode counts as a success."""

GAMMA: Final = 0.995
"""The default discount. The reward's shaping must use the same value as PPO, so both take it from the run's config."""

ALPHA_TOLERANCE: Final = 1e-6
"""Two alphas that differ by no more than this count as equal."""

UNMEASURED: Final = -1.0
"""The value that the observation vector carries in place of a feature that was not measured."""
AGENT_NAME: Final = "ppo"
"""The controller that learns: the recurrent policy, trained by PPO."""
STATIC_NAME: Final = "static"
"""The controller that never grows anything, with which the others are compared."""
