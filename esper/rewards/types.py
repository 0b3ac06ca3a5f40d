"""Inputs and outputs of the reward: typed records of CPU primitives."""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import Op
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import COOLDOWN_STAGES, SeedStage
from esper.rewards.config import RewardConfig
from esper.rewards.state import Boost


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRewardInputs:
    """What the reward needs to know about one slot, before the action and after it (the next real state).

    before: the seed as the controller saw it, or None for an empty slot.
    after: the seed after the action and the clock's tick, or None for an empty slot.
    effective_params: the parameters of the epoch just lived, weighted by alpha, for which rent is charged.
    alpha_delta: the change of alpha from before to after.
    previous_params: the number of the seed's parameters before.
    escrow_credit_prev, drip_scale: what the reward state holds for the seed in before.
    """

    slot_id: str
    before: SeedInfo | None
    after: SeedInfo | None
    contribution: float | None
    effective_params: float
    alpha_delta: float
    previous_params: int
    escrow_credit_prev: float
    drip_scale: float | None

    @property
    def holds_seed(self) -> bool:
        """Whether a seed with a module is in the slot, which is then neither empty nor in cooldown."""
        return self.before is not None and self.before.stage not in COOLDOWN_STAGES

    @property
    def seed_lost(self) -> bool:
        """Whether the seed that was in the slot before is pruned after this step."""
        if self.before is None or not self.holds_seed:
            return False
        return self.after is None or self.after.stage in COOLDOWN_STAGES

    @property
    def committed_after(self) -> bool:
        return self.after is not None and self.after.stage is SeedStage.FOSSILIZED


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardInputs:
    """What both families read, for one env and one step.

    Numbers of parameters are those of the epoch just lived, before the action.

    seed_info, slot_id, seed_id: the targeted slot.
    slots: every slot, because the reward aggregates over all of them.
    action: the effective op.
    val_acc: in percent.
    terminal: no state follows this step and nothing is bootstrapped, so the potential after it is 0.
    """

    action: Op
    action_success: bool
    seed_info: SeedInfo | None
    slot_id: str
    seed_id: str | None
    epoch: int
    max_epochs: int
    terminal: bool
    val_acc: float
    total_params: int
    host_params: int
    config: RewardConfig
    slots: tuple[SlotRewardInputs, ...]

    @property
    def is_last_epoch(self) -> bool:
        return self.epoch == self.max_epochs

    @property
    def target(self) -> SlotRewardInputs:
        """The slot at which the action was aimed."""
        return next(slot for slot in self.slots if slot.slot_id == self.slot_id)

    def hits(self, op: Op, slot: SlotRewardInputs) -> bool:
        """Whether this step carried out the op on this slot."""
        return self.action is op and self.action_success and slot.slot_id == self.slot_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionRewardInputs(RewardInputs):
    """Everything the contribution family reads, for one env and one step.

    Accuracies are in percent, differences of accuracies in points, and None means that something was not measured.
    Counts are those of the epoch just lived.

    acc_delta: the change since the previous epoch.
    seed_contribution: the contribution of the targeted slot's seed.
    total_contribution: val_acc minus the accuracy with every seed off.
    committed_val_acc: the accuracy with only fossilised seeds on.
    stable_val_acc: the lowest accuracy of the last three epochs.
    effective_seed_params: the sum of the slots' effective_params.
    alpha_delta_sq_sum: the sum over slots of alpha_delta**2 times previous_params relative to the host.
    escrow_credit_prev: the credit of the targeted slot's seed.
    boosts: the positive pair interactions that were measured in this epoch.
    hindsight_due: the credit that this step pays.
    min_fossilize_contribution: growth.min_fossilize_contribution, the points from which committing a seed pays.
    size_price: the points that 1,000 parameters of seeds cost; None if size is free.
    """

    seed_contribution: float | None
    acc_at_germination: float | None
    acc_delta: float | None
    committed_val_acc: float | None
    fossilized_seed_params: int
    num_fossilized_seeds: int
    num_contributing_fossilized: int
    effective_seed_params: float
    alpha_delta_sq_sum: float
    stable_val_acc: float | None
    escrow_credit_prev: float
    total_contribution: float | None
    boosts: tuple[Boost, ...]
    hindsight_due: float
    min_fossilize_contribution: float
    control_val_acc: float | None
    size_price: float | None = None

    @property
    def gain(self) -> float | None:
        """What growing has brought so far, in points: accuracy minus the control host's. None without such a host."""
        return None if self.control_val_acc is None else self.val_acc - self.control_val_acc


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRewardInputs(RewardInputs):
    """Everything the loss family reads, for one env and one step.

    loss_delta: previous minus current validation loss, so an improvement is positive; None in the first epoch.
    loss_unpaid: what the clip held back in earlier epochs.
    random_guess_loss: the validation loss of a uniform guess.
    """

    loss_delta: float | None
    val_loss: float
    loss_unpaid: float
    random_guess_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardTerm:
    """One named component's share of a reward."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardComponents:
    """Every named term of one reward, in the order in which they were added, and what explains it.

    total: the sum of the terms.
    growth_ratio: all parameters / host parameters.
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
