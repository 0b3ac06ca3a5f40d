"""A baseline as a controller: one rule per env and episode, nothing learned.

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
    """Asks its rules, env by env. E x H uniforms are drawn row by row each epoch, as the learning policy does."""

    def __init__(self, name: str, make_rule: Callable[[], Rule]) -> None:
        """make_rule: called once per env and episode."""
        self._name = name
        self._make_rule = make_rule
        self._rules: list[Rule] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def learns(self) -> bool:
        return False

    def begin_batch(self) -> None:
        """Forget every rule, and what it remembers of its episode."""
        self._rules.clear()

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        """What the rule of each running env chooses; envs that do not run wait.

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
        """A rule sees what happened in the next situation."""

    def bootstrap(self, observation: Observation) -> None:
        """A rule values nothing."""

    def penalise(self, env: int, reward: float) -> None:
        """A rule seeks no reward."""

    def learn(self, generator: torch.Generator) -> None:
        return None

    def state(self) -> dict[str, Tensor]:
        """Rules last one episode: nothing goes from batch to batch."""
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """There is nothing to load."""


def _draw(envs: int, generator: torch.Generator) -> list[tuple[float, ...]]:
    """One uniform number per env and head, on the CPU."""
    rows = cast("list[list[float]]", torch.rand(envs, NUM_HEADS, generator=generator).tolist())
    return [tuple(row) for row in rows]
