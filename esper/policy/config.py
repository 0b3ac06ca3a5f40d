"""Configuration of the controller's network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.actions import PerHead
from esper.contracts.settings import check_settings, setting

Decisions = Literal["greedy", "sampled"]
"""How a choice is made from a distribution: the likeliest one, or a draw."""


def default_probability_floors() -> PerHead:
    return PerHead.same(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """The recurrent factored actor-critic (docs/internals/ppo.md)."""

    feature_size: int = setting(
        128, "The width after the layer that reads the observation.", at_least=1, at_most=16_384, unit="features"
    )
    hidden_size: int = setting(128, "The width of the LSTM's state.", at_least=1, at_most=16_384, unit="features")
    layers: int = setting(
        1,
        "The number of LSTM layers, of which the second and later ones are residual.",
        at_least=1,
        at_most=16,
        unit="layers",
    )
    head_size: int = setting(64, "The hidden width of each action head.", at_least=1, at_most=16_384, unit="features")
    value_size: int = setting(128, "The first hidden width of the critic.", at_least=1, at_most=16_384, unit="features")
    embedding_size: int = setting(
        4, "The width of the embedding of each slot's blueprint.", at_least=1, at_most=1_024, unit="features"
    )
    contribution_head: bool = setting(
        False, "Whether the network also learns to predict what each seed will contribute, for display only."
    )
    observation_clip: float = setting(
        10.0,
        "The bound at which normalised observations are clipped.",
        above=0,
        at_most=1_000,
        unit="standard deviations",
    )
    observation_momentum: float = setting(
        0.99, "The share of the running observation statistics that each update keeps.", at_least=0, below=1
    )
    probability_floors: PerHead = setting(
        default_probability_floors(),
        "The share of each head's distribution that is uniform over its legal choices.",
        at_least=0,
        below=1,
    )
    floor_anneal_episodes: int = setting(
        0,
        "The env episodes over which the probability floors shrink linearly to nothing; 0 keeps them as they are.",
        at_least=0,
        at_most=1_000_000_000,
        unit="episodes",
    )

    def __post_init__(self) -> None:
        check_settings(self, "policy")

    def floors_after(self, episodes: int) -> tuple[float, ...]:
        """The floor of each head, in head order, once so many env episodes were learned from."""
        left = 1.0 if self.floor_anneal_episodes == 0 else max(0.0, 1.0 - episodes / self.floor_anneal_episodes)
        return tuple(left * floor for floor in self.probability_floors.in_order())
