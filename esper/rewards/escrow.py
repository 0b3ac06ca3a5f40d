"""ESCROW: credit for a live seed is an advance, which is kept only if the seed is committed.

The advance follows the seed's contribution.

What a seed is paid over its life telescopes to its credit at the end: 0 if it was pruned or is still open when the
episode ends, and its contribution at that time if it was committed. Credit that swings back and forth therefore earns
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import Op
from esper.rewards.attribution import credited_points, earning_share, seed_timing_discount, slot_ratio_penalty
from esper.rewards.state import EscrowCredit
from esper.rewards.types import ContributionRewardInputs, SlotRewardInputs


@dataclass(frozen=True, slots=True)
class EscrowMove:
    """One step of one slot's escrow.

    paid: the points paid in this step.
    credit: what the seed has been paid in advance after this step; 0 once nothing is open.
    """

    paid: float
    credit: float


def escrow_target(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> float:
    """T, the credit that the seed should have, in points: max(0, credit + R).

    credit is earned_credit with the progress of the stable accuracy (the lowest of the last three epochs), times the
    timing discount. R is the ratio penalty, unless disable_anti_gaming is set. T is 0 before the first measurement and
    in the first two epochs.
    """
    seed, stable = slot.before, inputs.stable_val_acc
    if seed is None or slot.contribution is None or stable is None:
        return 0.0
    credit = credited_points(inputs, slot, stable)
    if credit <= 0.0:
        return 0.0
    penalty = 0.0 if inputs.config.disable_anti_gaming else slot_ratio_penalty(inputs, slot)
    return max(0.0, credit * seed_timing_discount(inputs, seed) + penalty)


def escrow_move(inputs: ContributionRewardInputs, slot: SlotRewardInputs) -> EscrowMove:
    """One slot's step.

    After PRUNE, or if the seed was lost, the whole credit is paid back. Otherwise the credit moves toward T by at most
    escrow_delta_clip, and a negative c is charged as well. Once the seed is fossilised, both count times
    fossilized_share.
    """
    previous = slot.escrow_credit_prev
    if slot.seed_lost or inputs.hits(Op.PRUNE, slot):
        return EscrowMove(paid=-previous, credit=0.0)
    share = earning_share(inputs, slot)
    delta = share * _clipped(escrow_target(inputs, slot) - previous, inputs.config.escrow_delta_clip)
    blame = share * min(slot.contribution or 0.0, 0.0)
    return EscrowMove(paid=delta + blame, credit=previous + delta)


def escrow_delta(inputs: ContributionRewardInputs) -> float:
    """The sum over slots of what escrow_move pays."""
    return sum(escrow_move(inputs, slot).paid for slot in inputs.slots)


def escrow_forfeit(inputs: ContributionRewardInputs) -> float:
    """In the last epoch, minus the credit of every seed that is not committed."""
    if not inputs.is_last_epoch:
        return 0.0
    return -sum(escrow_move(inputs, slot).credit for slot in inputs.slots if not slot.committed_after)


def next_escrow(inputs: ContributionRewardInputs) -> tuple[EscrowCredit, ...]:
    """The credits after this step."""
    moves = ((slot.before, escrow_move(inputs, slot)) for slot in inputs.slots)
    return tuple(
        EscrowCredit(seed_id=seed.seed_id, credit=move.credit)
        for seed, move in moves
        if seed is not None and move.credit != 0.0
    )


def _clipped(delta: float, limit: float) -> float:
    return delta if limit == 0.0 else min(max(delta, -limit), limit)
