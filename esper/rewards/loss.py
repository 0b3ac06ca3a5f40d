"""The loss family's own terms: a falling validation loss is rewarded, parameters are charged for."""

from __future__ import annotations

import math
from typing import Final

from esper.rewards.types import LossRewardInputs

_RENT_FREE_AGE: Final = 3


def _paid_fall(inputs: LossRewardInputs) -> float:
    """Fall of the loss that this step pays for: at most max_loss_delta * loss_delta_std, in either direction."""
    limit = inputs.config.max_loss_delta * inputs.config.loss_delta_std
    return min(max(_open_fall(inputs), -limit), limit)


def _open_fall(inputs: LossRewardInputs) -> float:
    return inputs.loss_unpaid + (inputs.loss_delta or 0.0)


def next_loss_unpaid(inputs: LossRewardInputs) -> float:
    """What the clip holds back for later steps, so that a sudden rise cannot be won back at a profit."""
    return _open_fall(inputs) - _paid_fall(inputs)


def loss_progress(inputs: LossRewardInputs) -> float:
    """loss_delta_weight * fall / loss_delta_std, the fall clipped to +-max_loss_delta stds; the rest is paid later.

    Over an episode the falls add up to the first loss minus the last, so swings of the loss earn nothing. 0 in the
    first epoch, which has no fall to measure.
    """
    return inputs.config.loss_delta_weight * _paid_fall(inputs) / inputs.config.loss_delta_std


def loss_rent(inputs: LossRewardInputs) -> float:
    """-min(loss_rent_weight * ln(1 + extra / host), max_loss_rent), each epoch; extra: parameters of the seeds aged 3
    epochs or more.
    """
    extra = sum(
        slot.previous_params
        for slot in inputs.slots
        if slot.before is not None and slot.before.epochs_total >= _RENT_FREE_AGE
    )
    rent = inputs.config.loss_rent_weight * math.log1p(extra / inputs.host_params)
    return -min(rent, inputs.config.max_loss_rent)
