"""Configuration of the controller's network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.actions import PerHead
from esper.contracts.validation import require_non_negative, require_positive
from esper.errors import ConfigError

Decisions = Literal["greedy", "sampled"]
"""How a choice is made from a distribution: the likeliest one, or a draw."""


def default_probability_floors() -> PerHead:
    return PerHead.same(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """The recurrent factored actor-critic.

    feature_size: width after the feature layer. hidden_size: LSTM state. layers: LSTM layers, the second and later ones
    residual. head_size: hidden width of each head. value_size: first hidden width of the critic. embedding_size:
    per-slot blueprint embedding. contribution_head: also learn to predict what each seed will contribute (for display).
    probability_floors: share of each head's distribution that is uniform over its legal choices while the policy
    learns, in rollout and update; a policy that only plays has none.
    floor_anneal_episodes: the floors shrink linearly to nothing over so many env episodes; 0 = they stay.
    """

    feature_size: int = 128
    hidden_size: int = 128
    layers: int = 1
    head_size: int = 64
    value_size: int = 128
    embedding_size: int = 4
    contribution_head: bool = False
    observation_clip: float = 10.0
    observation_momentum: float = 0.99
    probability_floors: PerHead = field(default_factory=default_probability_floors)
    floor_anneal_episodes: int = 0

    def __post_init__(self) -> None:
        require_positive(
            "policy",
            feature_size=self.feature_size,
            hidden_size=self.hidden_size,
            layers=self.layers,
            head_size=self.head_size,
            value_size=self.value_size,
            embedding_size=self.embedding_size,
            observation_clip=self.observation_clip,
        )
        require_non_negative("policy", floor_anneal_episodes=self.floor_anneal_episodes)
        for value in self.probability_floors.in_order():
            if not 0 <= value < 1:
                raise ConfigError(f"policy.probability_floors has {value}: each must be at least 0 and below 1")

    def floors_after(self, episodes: int) -> tuple[float, ...]:
        """The floor of each head, in head order, once so many env episodes were learned from."""
        left = 1.0 if self.floor_anneal_episodes == 0 else max(0.0, 1.0 - episodes / self.floor_anneal_episodes)
        return tuple(left * floor for floor in self.probability_floors.in_order())
