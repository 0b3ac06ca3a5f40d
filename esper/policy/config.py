"""Configuration of the controller's network."""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import PerHead
from esper.contracts.settings import check_settings, setting


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
    """The recurrent factored actor-critic (docs/ppo.md)."""

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

    def __post_init__(self) -> None:
        check_settings(self, "policy")
