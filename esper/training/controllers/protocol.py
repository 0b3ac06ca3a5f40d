"""The protocol of whatever decides for the envs of one group: the learning agent, a baseline, or a user's own.

Legend: E envs of the group, counted from 0 within it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from esper.policy.acting import Decision
from esper.policy.observations import Observation
from esper.policy.situation import Situation
from esper.telemetry.events import PPOMetrics
from esper.training.ranks.protocol import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of the decisions of one epoch, which is counted from 1.

    rewards: normalised, one per env.
    last: the episodes' time runs out with this step.
    active: False for an env whose episode had ended before the step; its reward means nothing.
    overridden: True for an env in which the operator decided, so that there is nothing to learn from the step.
    """

    epoch: int
    rewards: tuple[float, ...]
    last: bool
    active: tuple[bool, ...]
    overridden: tuple[bool, ...]


class Controller(Protocol):
    """Decides for E envs, batch after batch.

    In each batch the trainer calls begin_batch, then decide and record in every epoch, then bootstrap, and then learn.
    It may call penalise between any two epochs. A controller that remembers something about an episode forgets it in
    begin_batch.
    """

    @property
    def name(self) -> str:
        """The name by which telemetry refers to it."""
        ...

    @property
    def learns(self) -> bool:
        """Whether learn() returns metrics."""
        ...

    def begin_batch(self, reward_scale: float) -> None:
        """Begin E new episodes.

        reward_scale: what the raw rewards of this batch are divided by.
        """
        ...

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        """One decision per env, including the envs that no longer run.

        generator: a CPU generator, the group's stream for this batch.
        """
        ...

    def record(self, result: StepResult) -> None:
        """Take note of what the last decisions earned."""
        ...

    def bootstrap(self, observation: Observation) -> None:
        """Take note of the states to which the last decisions led, once the episodes' time has run out.

        observation: raw, on the CPU.
        """
        ...

    def penalise(self, env: int, reward: float) -> None:
        """Take note that the governor ended the env's episode, so that its last decision is terminal.

        reward: what that decision earned instead, in the units of normalised rewards.
        """
        ...

    def learn(self, generator: torch.Generator) -> PPOMetrics | None:
        """Learn from the batch, or return None if this controller does not learn.

        generator: a CPU generator, for the minibatches.
        """
        ...

    def state(self) -> dict[str, Tensor]:
        """A copy of what it carries from batch to batch, for a checkpoint. It is empty if there is nothing to carry.

        The trainer asks for it between batches. Names, shapes and dtypes must be the same every time.
        """
        ...

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from the state of a controller of this kind and configuration.

        tensors: the state, on the CPU.
        """
        ...


@runtime_checkable
class RankedController(Protocol):
    """A controller whose envs may be shared out among several processes.

    One that learns must offer this in order to be used in such a run, and take its statistics and gradients over all
    ranks.
    """

    def join(self, ranks: Ranks) -> None:
        """Decide from now on for the envs own_envs(ranks, fleet.envs) only. This is called before the first batch."""
        ...
