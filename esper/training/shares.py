"""What the ranks of a run share out at its start, and bring together again between two rollouts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from esper.contracts.distribution import package_version
from esper.errors import ConfigError
from esper.rewards.normalizer import RewardNormalizer, RewardNormalizerState
from esper.training.controllers.protocol import Controller, RankedController
from esper.training.group import Group
from esper.training.group_spec import GroupSpec
from esper.training.ranks.protocol import Ranks, require_equal


def check_shares(specs: Sequence[GroupSpec], ranks: Ranks) -> None:
    """Refuse a run that several processes cannot share.

    Raises:
        ConfigError: it has several groups or several devices for each process, or its envs cannot be shared evenly.
    """
    if ranks.size == 1:
        return
    config = specs[0].config
    if len(specs) > 1:
        raise ConfigError(f"the run has {len(specs)} policy groups: groups are compared in one process; start only one")
    if config.run.devices:
        raise ConfigError(
            f"run.devices is {', '.join(config.run.devices)}: each of {ranks.size} processes has one device; give "
            "run.device instead"
        )
    if ":" in config.run.device:
        raise ConfigError(
            f"run.device is {config.run.device}: each of {ranks.size} processes takes the GPU of its own number; "
            "write cuda"
        )
    if config.fleet.envs % ranks.size:
        raise ConfigError(
            f"fleet.envs is {config.fleet.envs}: {ranks.size} processes cannot share that evenly; make it a multiple "
            f"of {ranks.size}"
        )


def require_same_ground(ranks: Ranks, data_digest: str) -> None:
    """Check that all ranks run the same software on the same data.

    Raises:
        RankError: they do not.
    """
    require_equal(ranks, "the version of Esper", package_version())
    require_equal(ranks, "the version of PyTorch", str(torch.__version__))
    require_equal(ranks, "the digest of the data", data_digest)


def join_ranks(controller: Controller, ranks: Ranks) -> None:
    """Let a controller decide for the envs of this rank only.

    Raises:
        ConfigError: it learns, and cannot learn together with others.
    """
    if ranks.size == 1:
        return
    if isinstance(controller, RankedController):
        controller.join(ranks)
    elif controller.learns:
        raise ConfigError(
            f"controller {controller.name} learns, and has no method `join`: it can be trained in one process only"
        )


def share_state(groups: Sequence[Group], ranks: Ranks) -> None:
    """Let every rank begin with what the first one carries over from earlier rounds or from a saved policy."""
    if ranks.size == 1:
        return
    for group in groups:
        tensors = ranks.from_first(group.state)
        if ranks.rank > 0:
            group.load_state(tensors)


def begin_rollout(normalizer: RewardNormalizer, ranks: Ranks) -> None:
    """Fix the scale of the coming rollout. From then on, each rank counts what its own envs earn."""
    normalizer.begin_rollout()
    if ranks.rank > 0:  # The first rank counts what was earned before, so that it is counted once.
        normalizer.state = RewardNormalizerState()


def end_rollout(normalizer: RewardNormalizer, ranks: Ranks) -> None:
    """Join what the envs of all ranks earned."""
    normalizer.state = reduce(RewardNormalizerState.joined, ranks.gather(normalizer.state))


def require_same_state(groups: Sequence[Group], ranks: Ranks) -> None:
    """Check that the policies of all ranks are still the same, bit for bit.

    Raises:
        RankError: they are not.
    """
    if ranks.size == 1:
        return
    for group in groups:
        require_equal(ranks, f"the digest of the policy of group {group.group_id}", _digest(group.state()))


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
