"""The one place where measurements become reward inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.counterfactual import CounterfactualMatrix
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import COOLDOWN_STAGES, SeedStage
from esper.rewards.config import RewardConfig
from esper.rewards.costs import alpha_shock_sum, effective_params
from esper.rewards.hindsight import measured_boosts
from esper.rewards.state import RewardState
from esper.rewards.types import ContributionRewardInputs, LossRewardInputs, SlotRewardInputs

STABLE_EPOCHS: Final = 3
"""stable_val_acc is the lowest validation accuracy of this many latest epochs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivedStep:
    """One env's step as the trainer saw it.

    before: one entry per slot, None if it is empty, as the controller saw the slots in this epoch.
    after: the same, as the controller will see the slots in the next epoch.
    counterfactual: the ablations of this epoch.
    action: the effective op, which is WAIT if the sampled op was impossible.
    target_slot: the index of the slot at which the op is aimed.
    terminal: nothing is bootstrapped after this step.
    accuracy_history: validation accuracies in percent, oldest first, this epoch's last.
    loss_delta: previous minus current validation loss, None in the first epoch.
    random_guess_loss: the validation loss of a uniform guess.
    min_fossilize_contribution: growth.min_fossilize_contribution, the points from which committing a seed pays.
    size_price: the points that 1,000 parameters of seeds cost; None if size is free.
    """

    config: RewardConfig
    slot_ids: Sequence[str]
    before: Sequence[SeedInfo | None]
    after: Sequence[SeedInfo | None]
    counterfactual: CounterfactualMatrix
    action: Op
    action_success: bool
    target_slot: int
    epoch: int
    max_epochs: int
    terminal: bool
    host_params: int
    accuracy_history: Sequence[float]
    control_accuracy: float | None
    val_loss: float
    loss_delta: float | None
    random_guess_loss: float
    min_fossilize_contribution: float
    size_price: float | None = None

    @property
    def target(self) -> SeedInfo | None:
        return self.before[self.target_slot]


def build_inputs(step: LivedStep, state: RewardState) -> ContributionRewardInputs | LossRewardInputs:
    """The inputs of the configured reward family."""
    return build_loss_inputs(step, state) if step.config.family == "loss" else build_contribution_inputs(step, state)


def build_contribution_inputs(step: LivedStep, state: RewardState) -> ContributionRewardInputs:
    """Everything that the contribution family reads, for one env and one step."""
    slots, target, accuracies = _slots(step, state), step.target, step.accuracy_history
    enough = step.min_fossilize_contribution
    fossilized = tuple(slot for slot in slots if slot.before and slot.before.stage is SeedStage.FOSSILIZED)
    return ContributionRewardInputs(
        action=step.action,
        action_success=step.action_success,
        seed_info=target,
        slot_id=step.slot_ids[step.target_slot],
        seed_id=None if target is None else target.seed_id,
        epoch=step.epoch,
        max_epochs=step.max_epochs,
        terminal=step.terminal,
        val_acc=step.counterfactual.main,
        control_val_acc=step.control_accuracy,
        total_params=_total_params(step, slots),
        host_params=step.host_params,
        config=step.config,
        slots=slots,
        seed_contribution=slots[step.target_slot].contribution,
        acc_at_germination=None if target is None else target.accuracy_at_germination,
        acc_delta=accuracies[-1] - accuracies[-2] if len(accuracies) > 1 else None,
        committed_val_acc=step.counterfactual.committed_accuracy,
        fossilized_seed_params=sum(slot.previous_params for slot in fossilized),
        num_fossilized_seeds=len(fossilized),
        num_contributing_fossilized=sum(1 for slot in fossilized if _contributes(slot.contribution, enough)),
        effective_seed_params=sum(slot.effective_params for slot in slots),
        alpha_delta_sq_sum=alpha_shock_sum(slots, step.host_params, step.config),
        stable_val_acc=_stable(accuracies),
        escrow_credit_prev=slots[step.target_slot].escrow_credit_prev,
        total_contribution=step.counterfactual.total_contribution(),
        boosts=measured_boosts(step.before, step.counterfactual, step.epoch),
        hindsight_due=state.hindsight_due,
        min_fossilize_contribution=enough,
        size_price=step.size_price,
    )


def build_loss_inputs(step: LivedStep, state: RewardState) -> LossRewardInputs:
    """Everything that the loss family reads, for one env and one step."""
    slots, target = _slots(step, state), step.target
    return LossRewardInputs(
        action=step.action,
        action_success=step.action_success,
        seed_info=target,
        slot_id=step.slot_ids[step.target_slot],
        seed_id=None if target is None else target.seed_id,
        epoch=step.epoch,
        max_epochs=step.max_epochs,
        terminal=step.terminal,
        val_acc=step.counterfactual.main,
        total_params=_total_params(step, slots),
        host_params=step.host_params,
        config=step.config,
        slots=slots,
        loss_delta=step.loss_delta,
        val_loss=step.val_loss,
        loss_unpaid=state.loss_unpaid,
        random_guess_loss=step.random_guess_loss,
    )


def _slots(step: LivedStep, state: RewardState) -> tuple[SlotRewardInputs, ...]:
    return tuple(_slot_inputs(step, state, index) for index in range(len(step.slot_ids)))


def _slot_inputs(step: LivedStep, state: RewardState, index: int) -> SlotRewardInputs:
    before, after = step.before[index], step.after[index]
    has_module = before is not None and before.stage not in COOLDOWN_STAGES
    alpha_before = 0.0 if before is None else before.alpha
    alpha_after = 0.0 if after is None else after.alpha
    return SlotRewardInputs(
        slot_id=step.slot_ids[index],
        before=before,
        after=after,
        contribution=step.counterfactual.contribution(index),
        effective_params=effective_params(before, step.host_params, step.config),
        alpha_delta=alpha_after - alpha_before,
        previous_params=before.parameter_count if before is not None and has_module else 0,
        escrow_credit_prev=0.0 if before is None else state.escrow_credit(before.seed_id),
        drip_scale=None if before is None else state.drip_scale(before.seed_id),
    )


def _total_params(step: LivedStep, slots: Sequence[SlotRewardInputs]) -> int:
    return step.host_params + sum(slot.previous_params for slot in slots)


def _contributes(contribution: float | None, enough: float) -> bool:
    return contribution is not None and contribution >= enough


def _stable(accuracy_history: Sequence[float]) -> float | None:
    """The lowest accuracy of the last epochs, or None while there are too few of them."""
    latest = accuracy_history[-STABLE_EPOCHS:]
    return min(latest) if len(latest) == STABLE_EPOCHS else None
