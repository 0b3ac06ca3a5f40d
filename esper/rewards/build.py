"""The one place where measurements become reward inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.counterfactual import CounterfactualMatrix
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import COOLDOWN_STAGES, SeedStage
from esper.rewards.actions import MIN_FOSSILIZE_CONTRIBUTION
from esper.rewards.config import RewardConfig
from esper.rewards.costs import alpha_shock_sum, effective_params
from esper.rewards.types import ContributionRewardInputs, SlotRewardInputs

STABLE_EPOCHS: Final = 3
"""stable_val_acc is the lowest validation accuracy of so many latest epochs."""


def build_contribution_inputs(
    *,
    config: RewardConfig,
    slot_ids: Sequence[str],
    before: Sequence[SeedInfo | None],
    after: Sequence[SeedInfo | None],
    counterfactual: CounterfactualMatrix,
    action: Op,
    action_success: bool,
    target_slot: int,
    epoch: int,
    max_epochs: int,
    terminal: bool,
    host_params: int,
    accuracy_history: Sequence[float],
) -> ContributionRewardInputs:
    """Everything that the contribution family reads, for one env and one step.

    before, after: one entry per slot, None = empty: as the controller saw the slots in this epoch, and as it will
    see them in the next one. counterfactual: of this epoch. action: the effective op (WAIT if the sampled one was
    impossible); target_slot: its slot index. terminal: nothing is bootstrapped after this step. accuracy_history:
    validation accuracies in percent, oldest first, this epoch's last.
    """
    slots = tuple(
        _slot_inputs(i, name, before[i], after[i], counterfactual, host_params, config)
        for i, name in enumerate(slot_ids)
    )
    target = before[target_slot]
    fossilized = tuple(slot for slot in slots if slot.before and slot.before.stage is SeedStage.FOSSILIZED)
    return ContributionRewardInputs(
        action=action,
        seed_contribution=slots[target_slot].contribution,
        val_acc=counterfactual.main,
        seed_info=target,
        epoch=epoch,
        max_epochs=max_epochs,
        total_params=host_params + sum(slot.previous_params for slot in slots),
        host_params=host_params,
        acc_at_germination=None if target is None else target.accuracy_at_germination,
        acc_delta=accuracy_history[-1] - accuracy_history[-2] if len(accuracy_history) > 1 else None,
        committed_val_acc=counterfactual.committed_accuracy,
        fossilized_seed_params=sum(slot.previous_params for slot in fossilized),
        num_fossilized_seeds=len(fossilized),
        num_contributing_fossilized=sum(1 for slot in fossilized if _contributes(slot.contribution)),
        config=config,
        effective_seed_params=sum(slot.effective_params for slot in slots),
        alpha_delta_sq_sum=alpha_shock_sum(slots, host_params, config),
        stable_val_acc=_stable(accuracy_history),
        escrow_credit_prev=0.0,
        slot_id=slot_ids[target_slot],
        seed_id=None if target is None else target.seed_id,
        total_contribution=counterfactual.total_contribution(),
        action_success=action_success,
        terminal=terminal,
        slots=slots,
    )


def _slot_inputs(
    index: int,
    slot_id: str,
    before: SeedInfo | None,
    after: SeedInfo | None,
    counterfactual: CounterfactualMatrix,
    host_params: int,
    config: RewardConfig,
) -> SlotRewardInputs:
    has_module = before is not None and before.stage not in COOLDOWN_STAGES
    alpha_before = 0.0 if before is None else before.alpha
    alpha_after = 0.0 if after is None else after.alpha
    return SlotRewardInputs(
        slot_id=slot_id,
        before=before,
        after=after,
        contribution=counterfactual.contribution(index),
        effective_params=effective_params(before, host_params, config),
        alpha_delta=alpha_after - alpha_before,
        previous_params=before.parameter_count if before is not None and has_module else 0,
    )


def _contributes(contribution: float | None) -> bool:
    return contribution is not None and contribution >= MIN_FOSSILIZE_CONTRIBUTION


def _stable(accuracy_history: Sequence[float]) -> float | None:
    """The lowest of the last epochs' accuracies, or None before so many were lived."""
    latest = accuracy_history[-STABLE_EPOCHS:]
    return min(latest) if len(latest) == STABLE_EPOCHS else None
