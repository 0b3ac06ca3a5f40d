"""Configuration of proximal policy optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.actions import PerHead
from esper.contracts.constants import GAMMA
from esper.contracts.validation import require_fraction, require_non_negative, require_positive

Horizon = Literal["truncate", "terminate"]


def default_entropy_weights() -> PerHead:
    return PerHead.same(1.2, slot=1.0, blueprint=1.3, tempo=1.3, op=1.0)


def no_entropy_floors() -> PerHead:
    return PerHead.same(0.0)


def default_entropy_floor_penalties() -> PerHead:
    return PerHead.same(0.1, blueprint=0.3, tempo=0.3, op=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """Proximal policy optimisation (Schulman et al. 2017) with a recurrent, factored policy.

    epochs: passes over the rollout. minibatches: parts of the env axis per pass; must divide fleet.envs.
    horizon: terminate counts an episode's last state as its end, which it is; truncate bootstraps that state's value.
    entropy_weights: per head.
    forced_step_value_weight: weight in the value loss of steps where only WAIT was legal (they have no actor loss).
    value_warmup_batches: value_coef grows from a tenth to its full size over so many batches. entropy_anneal_episodes:
    entropy_coef goes to entropy_coef_end over so many env episodes; 0 = it stays. entropy_floors: share of its maximum
    below which a head's entropy is penalised, by entropy_floor_penalties times the square of what is missing, times
    1.5, 1 and 0.5 in the first quarter, the middle and the last quarter of entropy_floor_batches; 0 = times 1.
    """

    learning_rate: float = 3e-4
    adam_epsilon: float = 1e-5
    gamma: float = GAMMA
    gae_lambda: float = 0.98
    clip_ratio: float = 0.2
    entropy_coef: float = 0.01
    value_coef: float = 0.5
    max_grad_norm: float = 0.5
    target_kl: float = 0.05
    epochs: int = 1
    minibatches: int = 1
    horizon: Horizon = "terminate"
    forced_step_value_weight: float = 0.2
    min_advantage_std: float = 0.1
    entropy_weights: PerHead = field(default_factory=default_entropy_weights)
    value_warmup_batches: int = 0
    entropy_anneal_episodes: int = 0
    entropy_coef_end: float = 0.01
    entropy_floors: PerHead = field(default_factory=no_entropy_floors)
    entropy_floor_penalties: PerHead = field(default_factory=default_entropy_floor_penalties)
    entropy_floor_batches: int = 0

    def __post_init__(self) -> None:
        require_positive(
            "ppo",
            learning_rate=self.learning_rate,
            clip_ratio=self.clip_ratio,
            max_grad_norm=self.max_grad_norm,
            target_kl=self.target_kl,
            epochs=self.epochs,
            minibatches=self.minibatches,
        )
        require_fraction("ppo", gamma=self.gamma, gae_lambda=self.gae_lambda)
        require_non_negative(
            "ppo",
            entropy_coef=self.entropy_coef,
            entropy_coef_end=self.entropy_coef_end,
            value_coef=self.value_coef,
            value_warmup_batches=self.value_warmup_batches,
            entropy_anneal_episodes=self.entropy_anneal_episodes,
            entropy_floor_batches=self.entropy_floor_batches,
        )
        for value in self.entropy_floors.in_order():
            require_fraction("ppo", entropy_floors=value)
        for value in self.entropy_floor_penalties.in_order():
            require_non_negative("ppo", entropy_floor_penalties=value)
