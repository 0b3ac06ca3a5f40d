"""What all policy groups of a batch share: its hosts, their growth, their data and their randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from esper.contracts.conditions import Conditions
from esper.fleet.fleet import Fleet
from esper.tasks.batches import BatchSource
from esper.tasks.own_data import OwnData
from esper.training.garden import Garden


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWorld:
    """What one batch trains: fresh hosts, their seeds, their data and the random streams of this batch.

    control_rows: the fleet's envs that never grow, one for each env of a group; None if the run has none.
    policy_seed: the seed of every group's stream of policy randomness, the same for all, so that equal groups decide
        alike.
    conditions: of the envs of each group, by place; None if the configuration draws none.
    own_data: what each row of the fleet learns from; None if all see the whole training split.
    """

    batch: int
    fleet: Fleet
    garden: Garden
    source: BatchSource
    random_guess_loss: float
    data_generators: Sequence[torch.Generator]
    policy_seed: int
    control_rows: range | None
    conditions: tuple[Conditions, ...] | None = None
    own_data: OwnData | None = None
