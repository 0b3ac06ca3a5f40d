"""Configuration of proximal policy optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.actions import PerHead
from esper.contracts.constants import GAMMA
from esper.contracts.settings import check_settings, setting

Horizon = Literal["truncate", "terminate"]


def default_entropy_weights() -> PerHead:
    return PerHead.same(1.2, slot=1.0, blueprint=1.3, tempo=1.3, op=1.0)


def no_entropy_floors() -> PerHead:
    return PerHead.same(0.0)


def default_entropy_floor_penalties() -> PerHead:
    return PerHead.same(0.1, blueprint=0.3, tempo=0.3, op=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """Proximal policy optimisation (Schulman et al. 2017) with a recurrent, factored policy (docs/internals/ppo.md)."""

    learning_rate: float = setting(3e-4, "The step size of Adam.", above=0, at_most=10)
    adam_epsilon: float = setting(1e-5, "The constant that keeps Adam from dividing by zero.", above=0, at_most=1)
    gamma: float = setting(GAMMA, "The discount of a reward that comes one epoch later.", at_least=0, at_most=1)
    gae_lambda: float = setting(0.98, "The decay of generalised advantage estimation.", at_least=0, at_most=1)
    clip_ratio: float = setting(
        0.2, "How far the probability ratio of a decision may leave 1 before its gain is cut off.", above=0, below=1
    )
    entropy_coef: float = setting(0.01, "The weight of the entropy bonus.", at_least=0, at_most=10)
    value_coef: float = setting(0.5, "The weight of the value loss.", at_least=0, at_most=1_000)
    max_grad_norm: float = setting(
        0.5, "The norm to which the policy's gradient is clipped.", above=0, at_most=1_000_000
    )
    target_kl: float = setting(
        0.05,
        "The divergence from the old policy beyond which the passes of an update stop early.",
        above=0,
        at_most=1_000,
    )
    epochs: int = setting(1, "The passes of an update over its rollout.", at_least=1, at_most=1_000, unit="passes")
    minibatches: int = setting(
        1,
        "The parts, as equal as can be, into which each pass splits the hosts; at most one part per host.",
        at_least=1,
        at_most=65_536,
        unit="minibatches",
    )
    horizon: Horizon = setting(
        "terminate",
        "Whether the last state of an episode counts as its end (terminate) or its value is bootstrapped (truncate).",
    )
    forced_step_value_weight: float = setting(
        0.2, "The weight in the value loss of steps in which only WAIT was legal.", at_least=0, at_most=10
    )
    min_advantage_std: float = setting(
        0.1, "The smallest standard deviation by which advantages are divided.", above=0, at_most=1_000
    )
    entropy_weights: PerHead = setting(
        default_entropy_weights(), "The weight of each head's entropy in the bonus.", at_least=0, at_most=100
    )
    value_warmup_batches: int = setting(
        0,
        "The rounds over which the value loss grows from a tenth of its weight to all of it; 0 starts with all.",
        at_least=0,
        at_most=1_000_000,
        unit="rounds",
    )
    entropy_anneal_episodes: int = setting(
        0,
        "The env episodes over which the entropy bonus moves to entropy_coef_end; 0 keeps it.",
        at_least=0,
        at_most=1_000_000_000,
        unit="episodes",
    )
    entropy_coef_end: float = setting(
        0.01, "The weight of the entropy bonus after it was annealed.", at_least=0, at_most=10
    )
    entropy_floors: PerHead = setting(
        no_entropy_floors(),
        "The share of its maximum below which each head's entropy is penalised.",
        at_least=0,
        at_most=1,
    )
    entropy_floor_penalties: PerHead = setting(
        default_entropy_floor_penalties(),
        "The weight of the squared shortfall of each head's entropy.",
        at_least=0,
        at_most=1_000,
    )
    entropy_floor_batches: int = setting(
        0,
        "The rounds over which those penalties fall from 1.5 times to half their weight; 0 keeps them.",
        at_least=0,
        at_most=1_000_000,
        unit="rounds",
    )

    def __post_init__(self) -> None:
        check_settings(self, "ppo")
