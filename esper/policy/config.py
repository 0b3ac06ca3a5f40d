"""Configuration of the controller's network."""

from __future__ import annotations

from dataclasses import dataclass, field

from esper.contracts.actions import PerHead
from esper.contracts.validation import require_positive
from esper.errors import ConfigError


def default_probability_floors() -> PerHead:
    return PerHead(
        slot=0.05,
        blueprint=0.12,
        style=0.08,
        tempo=0.12,
        alpha_target=0.08,
        alpha_speed=0.06,
        alpha_curve=0.06,
        op=0.15,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """The recurrent factored actor-critic.

    feature_size: width after the feature layer. hidden_size: LSTM state. layers: LSTM layers, the second and later ones
    residual. head_size: hidden width of each head. value_size: first hidden width of the critic. embedding_size:
    per-slot blueprint embedding. contribution_head: also learn to predict what each seed will contribute (for display).
    probability_floors: share of each head's distribution that is uniform over its legal choices, in rollout and update.
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
        for value in self.probability_floors.in_order():
            if not 0 <= value < 1:
                raise ConfigError(f"policy.probability_floors has {value}: each must be at least 0 and below 1")
