"""Hand-made reward inputs for tests of single terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, AlphaMode, Blueprint, Op
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.rewards.config import RewardConfig
from esper.rewards.types import ContributionRewardInputs, LossRewardInputs, SlotRewardInputs

EPOCH = 40
CONFIG = RewardConfig()
LOSS_CONFIG = RewardConfig(family="loss")


def seed(stage: SeedStage = SeedStage.HOLDING, **changes: Any) -> SeedInfo:
    """A seed germinated in epoch 20 at 20 % accuracy."""
    info = SeedInfo(
        slot_id="r0c0",
        seed_id="seed",
        blueprint=Blueprint.NORM,
        stage=stage,
        previous_stage=SeedStage.TRAINING,
        previous_epochs_in_stage=10,
        epochs_in_stage=1,
        epochs_total=20,
        parameter_count=100,
        tempo_epochs=5,
        alpha=1.0,
        alpha_target=1.0,
        alpha_mode=AlphaMode.HOLD,
        alpha_algorithm=AlphaAlgorithm.ADD,
        alpha_curve=AlphaCurve.LINEAR,
        alpha_steps_total=5,
        alpha_steps_done=5,
        alpha_velocity=0.0,
        accuracy_at_germination=20.0,
        accuracy_at_stage_start=25.0,
        current_accuracy=30.0,
        best_accuracy=30.0,
        accuracy_at_blending_start=22.0,
        contribution=None,
        contribution_velocity=None,
        epochs_since_counterfactual=None,
        interaction_sum=None,
        gradient=None,
        previous_gradient_health=None,
    )
    return replace(info, **changes)


def slot(
    info: SeedInfo | None, contribution: float | None = None, slot_id: str = "r0c0", **changes: Any
) -> SlotRewardInputs:
    """A slot that the step leaves as it is."""
    values: dict[str, Any] = {
        "slot_id": slot_id,
        "before": info,
        "after": info,
        "contribution": contribution,
        "effective_params": 0.0,
        "alpha_delta": 0.0,
        "previous_params": 0 if info is None else info.parameter_count,
        "escrow_credit_prev": 0.0,
        "drip_scale": None,
    }
    return SlotRewardInputs(**{**values, **changes})


def common(*slots: SlotRewardInputs) -> dict[str, Any]:
    """One step at epoch 40 of 100 with 30 % accuracy; the first slot is the target."""
    target = slots[0]
    return {
        "action": Op.WAIT,
        "action_success": True,
        "seed_info": target.before,
        "slot_id": target.slot_id,
        "seed_id": None if target.before is None else target.before.seed_id,
        "epoch": EPOCH,
        "max_epochs": 100,
        "terminal": False,
        "val_acc": 30.0,
        "total_params": 1100,
        "host_params": 1000,
        "config": CONFIG,
        "slots": slots,
    }


def inputs(*slots: SlotRewardInputs, **changes: Any) -> ContributionRewardInputs:
    """A step of the contribution family."""
    values: dict[str, Any] = {
        "seed_contribution": slots[0].contribution,
        "acc_at_germination": None,
        "acc_delta": 0.0,
        "committed_val_acc": None,
        "fossilized_seed_params": 0,
        "num_fossilized_seeds": 0,
        "num_contributing_fossilized": 0,
        "effective_seed_params": 0.0,
        "alpha_delta_sq_sum": 0.0,
        "stable_val_acc": None,
        "escrow_credit_prev": slots[0].escrow_credit_prev,
        "total_contribution": None,
        "boosts": (),
        "hindsight_due": 0.0,
        "min_fossilize_contribution": 1.0,
        "control_val_acc": None,
    }
    return ContributionRewardInputs(**{**common(*slots), **values, **changes})


def loss_inputs(*slots: SlotRewardInputs, **changes: Any) -> LossRewardInputs:
    """A step of the loss family on a task with ten classes."""
    values: dict[str, Any] = {
        "config": LOSS_CONFIG,
        "loss_delta": 0.0,
        "val_loss": 1.0,
        "loss_unpaid": 0.0,
        "random_guess_loss": 2.3,
    }
    return LossRewardInputs(**{**common(*slots), **values, **changes})
