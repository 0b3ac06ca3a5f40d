"""What is paid in the last epoch only."""

from __future__ import annotations

import math

from esper.contracts.actions import Op
from esper.rewards.types import ContributionRewardInputs, LossRewardInputs, RewardInputs, SlotRewardInputs

_PERCENT = 100.0


def terminal_bonus(inputs: ContributionRewardInputs) -> float:
    """In the last epoch terminal_gain_weight * (val_acc - control - unproven), or terminal_accuracy_weight * val_acc
    without a control host; else 0."""
    if not inputs.is_last_epoch:
        return 0.0
    config, gain = inputs.config, inputs.gain
    if gain is None:
        return config.terminal_accuracy_weight * inputs.val_acc
    return config.terminal_gain_weight * (gain - unproven_points(inputs))


def unproven_points(inputs: ContributionRewardInputs) -> float:
    """What the last action left unproven of the accuracy that was measured before it, in points.

    No epoch is left to measure the network that it leaves. A seed that is pruned takes its c along. One whose alpha is
    moved, up or down, loses the share |change| / larger alpha of its c, because the host has adapted to the alpha that
    it had.
    """
    return sum(_unproven_share(inputs, slot) * max(slot.contribution or 0.0, 0.0) for slot in inputs.slots)


def _unproven_share(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """The part of the seed's influence that the last action ended or brought."""
    if slot.before is None or slot.before.alpha <= 0.0:
        return 0.0
    if slot.seed_lost:
        return 1.0
    if not (inputs.hits(Op.SET_ALPHA_TARGET, slot) or inputs.hits(Op.PRUNE, slot)):
        return 0.0
    alpha = slot.before.alpha
    return min(abs(slot.alpha_delta) / max(alpha, alpha + slot.alpha_delta), 1.0)


def terminal_delta(inputs: ContributionRewardInputs) -> float:
    """In the last epoch, basic_acc_delta_weight * acc_delta / 100, else 0. An episode of one epoch has 0 too."""
    if not inputs.is_last_epoch or inputs.acc_delta is None:
        return 0.0
    return inputs.config.basic_acc_delta_weight * inputs.acc_delta / _PERCENT


def final_accuracy_bonus(inputs: RewardInputs) -> float:
    """In the last epoch, simplified_accuracy_weight * val_acc, else 0."""
    return inputs.config.simplified_accuracy_weight * inputs.val_acc if inputs.is_last_epoch else 0.0


def contributing_fossil_bonus(inputs: ContributionRewardInputs) -> float:
    """In the last epoch, contributing_fossil_bonus for each fossilised seed with c >= 1, else 0."""
    if not inputs.is_last_epoch:
        return 0.0
    return inputs.config.contributing_fossil_bonus * inputs.num_contributing_fossilized


def sparse_score(inputs: ContributionRewardInputs) -> float:
    """In the last epoch, sparse_scale * clamp(committed accuracy / 100 - cost of the fossilised seeds, -1, 1), else 0.

    The committed accuracy is the one with only fossilised seeds on, so that what was not committed does not count. The
    cost is param_penalty_weight * parameters / param_budget.
    """
    if not inputs.is_last_epoch:
        return 0.0
    config = inputs.config
    assert inputs.committed_val_acc is not None, "the committed configuration is measured every epoch"
    cost = config.param_penalty_weight * inputs.fossilized_seed_params / config.param_budget
    return config.sparse_scale * min(max(inputs.committed_val_acc / _PERCENT - cost, -1.0), 1.0)


def loss_terminal(inputs: LossRewardInputs) -> float:
    """In the last epoch, loss_terminal_weight * clamp((baseline - val_loss) / (baseline - target), 0, 1), else 0.

    It is 0 also if the last loss is not finite.

    The baseline is the task's random-guess loss, ln(classes), and the target is the share loss_target_share of it.
    """
    if not inputs.is_last_epoch or not math.isfinite(inputs.val_loss):
        return 0.0
    baseline = inputs.random_guess_loss
    span = baseline * (1.0 - inputs.config.loss_target_share)
    return inputs.config.loss_terminal_weight * min(max((baseline - inputs.val_loss) / span, 0.0), 1.0)
