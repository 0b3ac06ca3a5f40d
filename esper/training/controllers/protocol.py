"""What decides for the envs of one group: the learning agent, a baseline, or a user's own.

Legend: E envs of the group, counted from 0 within it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from esper.policy.acting import Decision
from esper.policy.observations import Observation
from esper.policy.situation import Situation
from esper.telemetry.events import PPOMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of the decisions of one epoch (1-based).

    rewards: normalised, one per env.
    reward_scale: what the raw rewards were divided by; the same for all steps of a batch.
    last: the episodes' time runs out with this step.
    active: False for an env whose episode had ended before the step; its reward means nothing.
    """

    epoch: int
    rewards: tuple[float, ...]
    reward_scale: float
    last: bool
    active: tuple[bool, ...]


class Controller(Protocol):
    """Decides for E envs, batch after batch.

    Per batch: begin_batch; then per epoch decide and record; then bootstrap; then learn. penalise may come between any
    two epochs. A controller that keeps something per episode forgets it in begin_batch.
    """

    @property
    def name(self) -> str:
        """What telemetry calls it."""
        ...

    @property
    def learns(self) -> bool:
        """Does learn() return metrics."""
        ...

    def begin_batch(self) -> None:
        """E new episodes begin."""
        ...

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        """One decision per env, those included that do not run.

        generator: CPU; the batch's stream of the group.
        """
        ...

    def record(self, result: StepResult) -> None:
        """Take note of what the last decisions earned."""
        ...

    def bootstrap(self, observation: Observation) -> None:
        """The states that the last decisions led to, raw, on the CPU, once the episodes' time has run out."""
        ...

    def penalise(self, env: int, reward: float) -> None:
        """The governor ended the env's episode: its last decision is terminal and earned this instead, in
        the units of normalised rewards."""
        ...

    def learn(self, generator: torch.Generator) -> PPOMetrics | None:
        """Learn from the batch. None: this controller does not learn.

        generator: CPU, for minibatches.
        """
        ...

    def state(self) -> dict[str, Tensor]:
        """A copy of what it carries from batch to batch, for a checkpoint; empty if that is nothing.

        Asked for between batches. Names, shapes and dtypes are the same every time.
        """
        ...

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from the state of a controller of this kind and configuration.

        tensors: on the CPU.
        """
        ...
