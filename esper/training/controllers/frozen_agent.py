"""A trained policy as a controller that only acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from esper.contracts.actions import PerHead
from esper.policy.acting import Decision
from esper.policy.observations import Observation
from esper.policy.situation import Situation
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.controllers.named_tensors import require_same_layout
from esper.training.controllers.protocol import StepResult
from esper.training.ranks.protocol import Ranks


class FrozenAgent:
    """A controller that decides by what the saved agent learned: its weights and its statistics of observations.

    Its choices are made as controller.decisions says. The probability floors are left out, because they are for
    exploring, and this agent keeps no experience and never changes.
    """

    def __init__(self, config: TrainingConfig, device: torch.device, tensors: Mapping[str, Tensor]) -> None:
        """config: its policy table must be that of the saved agent.
        tensors: the saved agent's state().

        Raises:
            ConfigError: the tensors are not those of such an agent.
        """
        own = replace(config.policy, probability_floors=PerHead.same(0.0))
        self._agent = Agent(replace(config, policy=own), device, how=config.controller.decisions)
        require_same_layout(tensors, self._agent.state())
        self._agent.load_state(tensors)

    def join(self, ranks: Ranks) -> None:
        """Decide for this rank's own envs only."""
        self._agent.join(ranks)

    @property
    def name(self) -> str:
        return self._agent.name

    @property
    def learns(self) -> bool:
        return False

    def begin_batch(self, reward_scale: float) -> None:
        """Start every episode from the zero state."""
        self._agent.begin_batch(reward_scale)

    def decide(self, situation: Situation, generator: torch.Generator) -> tuple[Decision, ...]:
        """Choose one action per env."""
        return self._agent.decide(situation, generator)

    def record(self, result: StepResult) -> None:
        """Ignore what the decisions earned."""

    def bootstrap(self, observation: Observation) -> None:
        """Ignore the last states, because nothing will be learned."""

    def penalise(self, env: int, reward: float) -> None:
        """Ignore the penalty, because nothing will be learned."""

    def learn(self, generator: torch.Generator) -> None:
        return None

    def state(self) -> dict[str, Tensor]:
        """The saved agent's state. Only the units of its values have changed: they are those of the rewards."""
        return self._agent.state()

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Become another agent of the same layout."""
        self._agent.load_state(tensors)
