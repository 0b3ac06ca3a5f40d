"""A learned controller that only plays: it decides as it did, and learns nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from esper.policy.acting import Decision
from esper.policy.observations import Observation
from esper.policy.situation import Situation
from esper.training.controller import Controller, StepResult


class FrozenController:
    """Hands decisions through and keeps experience back."""

    def __init__(self, subject: Controller) -> None:
        self._subject = subject

    @property
    def name(self) -> str:
        return self._subject.name

    @property
    def learns(self) -> bool:
        return False

    def begin_batch(self) -> None:
        self._subject.begin_batch()

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        """What the learned controller decides, sampled as in training."""
        return self._subject.decide(situation, generator)

    def record(self, result: StepResult) -> None:
        """Nothing is kept."""

    def bootstrap(self, observation: Observation) -> None:
        """Nothing is valued."""

    def penalise(self, env: int, reward: float) -> None:
        """Nothing is blamed."""

    def learn(self, generator: torch.Generator) -> None:
        return None
