"""The loss family's own terms: a falling validation loss is rewarded, and parameters are charged for."""

from __future__ import annotations

import math
from typing import Final

from esper.rewards.types import LossRewardInputs

_RENT_FREE_AGE: Final = 3


def _paid_fall(inputs: LossRewardInputs) -> float:
    """The fall of the loss that this step pays for, at most max_loss_delta * loss_delta_std in either direction."""
    limit = inputs.config.max_loss_delta * inputs.config.loss_delta_std
    if not math.isfinite(inputs.val_loss):
        return -limit
    return min(max(_open_fall(inputs), -limit), limit)


def _open_fall(inputs: LossRewardInputs) -> float:
    """The fall that is still to be paid for. There is none from or to a loss that is not finite."""
    fall = inputs.loss_delta
    return inputs.loss_unpaid + (fall if fall is not None and math.isfinite(fall) else 0.0)


def next_loss_unpaid(inputs: LossRewardInputs) -> float:
    """The fall that the clip holds back for later steps, so that a sudden rise cannot be won back at a profit."""
    return inputs.loss_unpaid if not math.isfinite(inputs.val_loss) else _open_fall(inputs) - _paid_fall(inputs)


def loss_progress(inputs: LossRewardInputs) -> float:
    """loss_delta_weight * fall / loss_delta_std, with the fall clipped to +-max_loss_delta times loss_delta_std.

    What is clipped is paid later. Over an episode the falls add up to the first loss minus the last, so swings of the
    loss earn nothing. The term is 0 in the first epoch, in which there is no fall to measure. Every epoch in which the
    loss is not finite costs as much as the steepest rise, and the way back from there earns nothing.
    """
    return inputs.config.loss_delta_weight * _paid_fall(inputs) / inputs.config.loss_delta_std


def loss_rent(inputs: LossRewardInputs) -> float:
    """In each epoch, -min(loss_rent_weight * ln(1 + extra / host), max_loss_rent).

    extra is the number of parameters of all seeds that are at least 3 epochs old.
    """
    extra = sum(
        slot.previous_params
        for slot in inputs.slots
        if slot.before is not None and slot.before.epochs_total >= _RENT_FREE_AGE
    )
    rent = inputs.config.loss_rent_weight * math.log1p(extra / inputs.host_params)
    return -min(rent, inputs.config.max_loss_rent)
