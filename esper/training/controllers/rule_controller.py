"""A baseline as a controller: one rule per env and episode, and nothing is learned.

Legend: E envs of the group, H action heads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from esper.contracts.actions import NUM_HEADS
from esper.policy.acting import Decision
from esper.policy.baselines.deciding import IllegalChoiceError, to_decision
from esper.policy.baselines.rule import WAIT, Rule
from esper.policy.legal import LegalChoices, legal_choices
from esper.policy.observations import Observation
from esper.policy.situation import EnvSituation, Situation
from esper.training.controllers.protocol import StepResult


class RuleController:
    """Asks its rules, env by env.

    In each epoch E x H uniforms are drawn row by row, just as the learning policy does.
    """

    def __init__(self, name: str, make_rule: Callable[[], Rule]) -> None:
        """make_rule: makes a rule; it is called once per env and episode."""
        self._name = name
        self._make_rule = make_rule
        self._rules: list[Rule] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def learns(self) -> bool:
        return False

    def begin_batch(self, reward_scale: float) -> None:
        """Forget every rule and what it remembers about its episode."""
        self._rules.clear()

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        """The choice of each running env's rule. Envs that do not run wait.

        Raises:
            IllegalChoiceError: a rule chose what its masks forbid.
        """
        while len(self._rules) < len(situation.envs):
            self._rules.append(self._make_rule())
        legal = legal_choices(situation.masks, len(situation.envs[0].view.slots))
        uniforms_eh = _draw(len(situation.envs), generator)
        return [
            self._decide(place, env, choices, uniforms)
            for place, (env, choices, uniforms) in enumerate(zip(situation.envs, legal, uniforms_eh, strict=True))
        ]

    def _decide(self, place: int, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Decision:
        if not env.running:
            return to_decision(WAIT, legal)
        try:
            return to_decision(self._rules[place].decide(env, legal, uniforms), legal)
        except IllegalChoiceError as error:
            raise IllegalChoiceError(f"controller {self._name}, env {place}: {error}") from error

    def record(self, result: StepResult) -> None:
        """Do nothing: a rule sees in the next situation what happened."""

    def bootstrap(self, observation: Observation) -> None:
        """Do nothing: a rule does not estimate values."""

    def penalise(self, env: int, reward: float) -> None:
        """Do nothing: a rule does not learn from rewards."""

    def learn(self, generator: torch.Generator) -> None:
        return None

    def state(self) -> dict[str, Tensor]:
        """Nothing, because rules last for one episode."""
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Do nothing: there is no state."""


def _draw(envs: int, generator: torch.Generator) -> list[tuple[float, ...]]:
    """One uniform number per env and head, on the CPU."""
    rows = cast("list[list[float]]", torch.rand(envs, NUM_HEADS, generator=generator).tolist())
    return [tuple(row) for row in rows]
