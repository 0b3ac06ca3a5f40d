"""Gradient statistics of hosts and seeds, gathered on the device.

Legend: E envs, S slots, R rows of a bank, P parameters per row, N parameter tensors of a module.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor

from esper.fleet.optimizer import StackedOptimizer
from esper.fleet.plan import BankPlan

VANISHING_NORM: Final = 1e-7
EXPLODING_NORM: Final = 50.0
RATIO_CAP: Final = 10.0
_EPSILON: Final = 1e-8
STATISTICS: Final = 4
"""How many numbers describe a seed's gradient: norm, vanishing fraction, exploding fraction and ratio."""


def row_norms(gradients_rp: Tensor) -> Tensor:
    """The L2 norm of each row."""
    return cast(Tensor, torch.linalg.vector_norm(gradients_rp, dim=1))


def seed_statistics(
    gradients_rp: Tensor, norms_r: Tensor, host_norms_r: Tensor, seed: StackedOptimizer, host_parameters: int
) -> Tensor:
    """The four statistics of each row's gradient, [R, 4].

    They are its norm, the shares of its parameter tensors with a norm below 1e-7 and above 50, and its ratio to the
    host's gradient: (seed norm / host norm) * sqrt(host parameters / seed parameters), at most 10. A norm that is not a
    number counts as above 50.
    """
    parts = torch.split(gradients_rp, seed.tensor_sizes, dim=1)
    tensor_norms_rn = torch.stack([row_norms(part) for part in parts], dim=1)
    vanishing = (tensor_norms_rn < VANISHING_NORM).float().mean(1)
    exploding = (~(tensor_norms_rn <= EXPLODING_NORM)).float().mean(1)
    per_parameter = (host_parameters / seed.parameter_count) ** 0.5
    ratio = (norms_r / (host_norms_r + _EPSILON) * per_parameter).clamp(max=RATIO_CAP)
    return torch.stack([norms_r, vanishing, exploding, ratio], dim=1)


class GradientTotals:
    """The sums of the readings that were taken in one epoch. Every reading covers all running banks."""

    def __init__(self, envs: int, slots: int, device: torch.device) -> None:
        self._host_e = torch.zeros(envs, device=device)
        self._seeds_es4 = torch.zeros(envs, slots, STATISTICS, device=device)
        self._readings = 0

    def add_host(self, norms_e: Tensor) -> None:
        """Begin a reading with the hosts' gradient norms before clipping."""
        self._readings += 1
        self._host_e += norms_e

    def add_bank(self, plan: BankPlan, statistics_r4: Tensor) -> None:
        """Add one bank to the reading that add_host began."""
        column = self._seeds_es4[:, plan.slot]
        if plan.rows is None:
            column += statistics_r4
        else:
            column.index_add_(0, plan.rows, statistics_r4)

    def host_means(self) -> Tensor:
        """The hosts' means over the epoch's readings, [E]."""
        return self._host_e / self._readings

    def seed_means(self) -> Tensor:
        """The seeds' means over the epoch's readings, [E, S, 4]."""
        return self._seeds_es4 / self._readings
