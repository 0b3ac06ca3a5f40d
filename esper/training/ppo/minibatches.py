"""Which envs share a gradient step: the same in a run of one process and in one of several.

Legend: B envs of a minibatch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.training.ranks.protocol import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Minibatch:
    """This rank's part of a minibatch of whole episodes.

    envs_b: the rank's own envs, counted from 0 in its buffer.
    places_b: where they stand in the whole minibatch.
    size: the number of envs in the whole minibatch.
    counted: False if none of the rank's envs is in it. Its first env then stands in, without any weight, because all
        ranks have to take each step.
    """

    envs_b: Tensor
    places_b: Tensor
    size: int
    counted: bool


def draw_minibatches(
    own_envs: int, parts: int, generator: torch.Generator, device: torch.device, ranks: Ranks
) -> Sequence[Minibatch]:
    """The envs of all ranks in random order, cut into minibatches of nearly equal size.

    own_envs: how many envs each rank has.
    generator: a CPU generator; those of all ranks give the same numbers.
    """
    order = torch.randperm(own_envs * ranks.size, generator=generator)
    pieces = order.tensor_split(min(parts, len(order)))
    return [_own_part(piece, ranks.rank * own_envs, own_envs, device) for piece in pieces]


def _own_part(envs_b: Tensor, first: int, own_envs: int, device: torch.device) -> Minibatch:
    """envs_b: the whole minibatch, on the CPU, so that nothing here waits for a device."""
    places_b = ((envs_b >= first) & (envs_b < first + own_envs)).nonzero().squeeze(-1)
    counted = len(places_b) > 0
    if not counted:
        places_b = torch.zeros(1, dtype=torch.long)
    own_b = envs_b[places_b] - first if counted else places_b
    return Minibatch(envs_b=own_b.to(device), places_b=places_b.to(device), size=len(envs_b), counted=counted)
