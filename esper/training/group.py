"""Policy groups: the envs of one fleet, divided among controllers that run in lockstep.

The groups of a run have the same number of envs. Env k of every group has the same initial host, the same initial
seeds, the same data and the same stream of policy randomness. All that differs is what is being compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.rewards.normalizer import RewardNormalizer, RewardNormalizerState
from esper.telemetry.events import GroupStarted
from esper.training.config import TrainingConfig
from esper.training.controllers.named_tensors import below, prefixed, require_not_negative
from esper.training.controllers.protocol import Controller


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A running group. Its normaliser and its controller outlive the batches.

    env_ids: all envs of the group.
    rows: those of them that this process trains, in its fleet; in a run of one process these are all.
    """

    group_id: str
    config: TrainingConfig
    controller: Controller
    reward_normalizer: RewardNormalizer
    env_ids: range
    rows: range

    def started(self) -> GroupStarted:
        """The group as the first event of the run describes it."""
        return GroupStarted(
            group_id=self.group_id,
            controller=self.controller.name,
            learns=self.controller.learns,
            reward_mode=self.config.reward.mode,
            reward_family=self.config.reward.family,
            env_ids=tuple(self.env_ids),
        )

    def state(self) -> dict[str, Tensor]:
        """A copy of what it carries from batch to batch. Names, shapes and dtypes stay the same for its whole life."""
        rewards = self.reward_normalizer.state
        return {
            "rewards/mean": torch.tensor(rewards.mean, dtype=torch.float64),
            "rewards/m2": torch.tensor(rewards.m2, dtype=torch.float64),
            "rewards/count": torch.tensor(rewards.count),
            **prefixed("controller", self.controller.state()),
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from a state of such a group.

        Raises:
            ConfigError: a count or a variance in it is negative.
        """
        require_not_negative(tensors, ("rewards/m2", "rewards/count"))
        self.reward_normalizer.state = RewardNormalizerState(
            mean=float(tensors["rewards/mean"]), m2=float(tensors["rewards/m2"]), count=int(tensors["rewards/count"])
        )
        self.controller.load_state(below("controller", tensors))


def groups_of_envs(groups: Sequence[Group]) -> dict[int, str]:
    """The id of the group to which each env of the run belongs."""
    return {env: group.group_id for group in groups for env in group.env_ids}
