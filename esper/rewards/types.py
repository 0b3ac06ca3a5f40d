"""Inputs and outputs of the reward: typed records of CPU primitives."""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import Op
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.rewards.config import RewardConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRewardInputs:
    """What the reward needs to know about one slot, before the action and after it (the next real state).

    before / after: the seed as the controller saw it, and after the action and the clock's tick; None = empty slot.
    effective_params: alpha-weighted parameter count, in the epoch just lived, that rent is charged for. alpha_delta:
    change of alpha from before to after, previous_params the seed's parameters before.
    """

    slot_id: str
    before: SeedInfo | None
    after: SeedInfo | None
    contribution: float | None
    effective_params: float
    alpha_delta: float
    previous_params: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionRewardInputs:
    """Everything the contribution family reads, for one env and one step.

    The fields up to seed_id describe the targeted slot; slots holds every slot, because the reward aggregates over
    all of them. val_acc and the accuracies in percent; acc_delta (since the previous epoch), seed_contribution and
    total_contribution (val_acc minus the accuracy with every seed off) in points, None when not measured.
    Counts and parameters are those of the epoch just lived, before the action. effective_seed_params: sum of the
    slots' effective_params. alpha_delta_sq_sum: sum over slots of alpha_delta**2 times previous_params relative to
    the host. terminal: no state follows this step and nothing is bootstrapped, so the potential after it is 0.
    """

    action: Op
    seed_contribution: float | None
    val_acc: float
    seed_info: SeedInfo | None
    epoch: int
    max_epochs: int
    total_params: int
    host_params: int
    acc_at_germination: float | None
    acc_delta: float | None
    committed_val_acc: float | None
    fossilized_seed_params: int
    num_fossilized_seeds: int
    num_contributing_fossilized: int
    config: RewardConfig
    effective_seed_params: float
    alpha_delta_sq_sum: float
    stable_val_acc: float | None
    escrow_credit_prev: float
    slot_id: str
    seed_id: str | None
    total_contribution: float | None
    action_success: bool
    terminal: bool
    slots: tuple[SlotRewardInputs, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRewardInputs:
    """Everything the loss family reads. loss_delta: previous minus current validation loss; positive = improvement."""

    action: Op
    loss_delta: float
    val_loss: float
    seed_info: SeedInfo | None
    epoch: int
    max_epochs: int
    total_params: int
    host_params: int
    config: RewardConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardTerm:
    """One named component's share of a reward."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardComponents:
    """Every named term of one reward, in the order in which they were added, and what explains it.

    total is the sum of the terms. growth_ratio: total parameters / host parameters.
    """

    terms: tuple[RewardTerm, ...]
    total: float
    action: Op
    action_success: bool
    stage: SeedStage | None
    epoch: int
    val_acc: float
    growth_ratio: float

    def term(self, name: str) -> float | None:
        """A term's value, or None if this reward mode has no such term."""
        for item in self.terms:
            if item.name == name:
                return item.value
        return None
