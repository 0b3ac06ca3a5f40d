"""What changes from update to update: coefficients that follow a schedule, and the counters that drive them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from esper.training.ppo.config import PPOConfig

VALUE_WARMUP_START: Final = 0.1
"""The share of the value coefficient with which its warm-up begins."""

FLOOR_PHASES: Final[tuple[tuple[float, float], ...]] = ((0.25, 1.5), (0.75, 1.0), (1.0, 0.5))
"""The phases of the entropy-floor penalties: the end as a share of entropy_floor_batches, and the factor until then."""

OP_VALUE_SHARE: Final = 0.5
"""The weight of the loss of Q(s, op), as a share of the value coefficient."""

CONTRIBUTION_COEF: Final = 0.05
CONTRIBUTION_WARMUP_DECISIONS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProgress:
    """What a checkpoint keeps about the updates so far, including skipped ones."""

    updates: int = 0
    episodes: int = 0
    decisions: int = 0

    def after(self, *, episodes: int, decisions: int) -> UpdateProgress:
        """The counters after one more update."""
        return UpdateProgress(
            updates=self.updates + 1, episodes=self.episodes + episodes, decisions=self.decisions + decisions
        )

    def as_tensor(self) -> Tensor:
        """The counters in the order of the fields, as checkpoints keep them."""
        return torch.tensor([self.updates, self.episodes, self.decisions], dtype=torch.int64)

    @classmethod
    def from_tensor(cls, counters: Tensor) -> UpdateProgress:
        """The inverse of as_tensor."""
        updates, episodes, decisions = (int(counter) for counter in counters)
        return cls(updates=updates, episodes=episodes, decisions=decisions)


def value_coefficient(config: PPOConfig, updates: int) -> float:
    """The value coefficient, which rises linearly from a tenth of value_coef to value_coef in value_warmup_batches."""
    if updates >= config.value_warmup_batches:
        return config.value_coef
    share = updates / config.value_warmup_batches
    return config.value_coef * (VALUE_WARMUP_START + (1.0 - VALUE_WARMUP_START) * share)


def entropy_coefficient(config: PPOConfig, episodes: int) -> float:
    """The entropy coefficient, which moves linearly to entropy_coef_end over entropy_anneal_episodes.

    If entropy_anneal_episodes is 0, it stays at entropy_coef.
    """
    if config.entropy_anneal_episodes == 0:
        return config.entropy_coef
    share = min(episodes / config.entropy_anneal_episodes, 1.0)
    return config.entropy_coef + (config.entropy_coef_end - config.entropy_coef) * share


def entropy_floor_factor(config: PPOConfig, updates: int) -> float:
    """The factor of the entropy-floor penalties, which is always 1 if entropy_floor_batches is 0."""
    if config.entropy_floor_batches == 0:
        return 1.0
    share = updates / config.entropy_floor_batches
    return next((factor for end, factor in FLOOR_PHASES if share < end), FLOOR_PHASES[-1][1])


def contribution_coefficient(decisions: int) -> float:
    """The contribution head's coefficient, which rises linearly to CONTRIBUTION_COEF in a thousand decisions."""
    return CONTRIBUTION_COEF * min(decisions / CONTRIBUTION_WARMUP_DECISIONS, 1.0)
