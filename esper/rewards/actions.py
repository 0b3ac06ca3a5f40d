"""What the op itself earns or costs.

inputs.action is the effective op: an impossible one arrives here as WAIT. In the formulas, c is the contribution of the
targeted seed, I the total contribution of all seeds, and e the number of epochs that the seed has been in HOLDING.
"""

from __future__ import annotations

import math
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.attribution import confirmed_points
from esper.rewards.types import ContributionRewardInputs, RewardInputs

_MATURE_HOLDING_EPOCHS: Final = 5
_FOSSILIZE_BONUS: Final = 3.0 * math.tanh(1.0 / 3.0)
_FOSSILIZE_BASE: Final = 0.5
_FOSSILIZE_PER_POINT: Final = 0.1
_FOSSILIZE_WEAK_PENALTY: Final = 0.2
_FOSSILIZE_HARM_PENALTY: Final = 0.5
_FOSSILIZE_HARM_SLOPE: Final = 0.2
_FOSSILIZE_HARM_CAP: Final = 1.0
_RANSOM_PENALTY: Final = 0.3
_RANSOM_CONTRIBUTION: Final = 0.1
_RANSOM_TOTAL: Final = -0.2
_PRUNE_UNMEASURED_AGE: Final = 5
_PRUNE_BONUS_AGE: Final = 3
_PRUNE_YOUNG_PENALTY: Final = 0.1
_PRUNE_HURTING: Final = -0.5
_PRUNE_HURTING_BONUS: Final = 0.15
_PRUNE_WEAK_BONUS: Final = 0.1
_PRUNE_GOOD_PENALTY: Final = 0.3
_PRUNE_GOOD_SLOPE: Final = 0.05
_PRUNE_GOOD_CAP: Final = 0.9
_ADVANCE_FROM_TRAINING: Final = 0.1


def action_cost(inputs: RewardInputs) -> float:
    """The price of the op, config.<op>_cost, whether or not a gate let it pass. WAIT and ADVANCE are free."""
    config = inputs.config
    if inputs.action is Op.GERMINATE:
        return -config.germinate_cost
    if inputs.action is Op.FOSSILIZE:
        return -config.fossilize_cost
    if inputs.action is Op.PRUNE:
        return -config.prune_cost
    if inputs.action is Op.SET_ALPHA_TARGET:
        return -config.set_alpha_cost
    return 0.0


def action_shaping(inputs: ContributionRewardInputs) -> float:
    """Whether it was a good moment for the op: -0.1 for ADVANCE from TRAINING, 0 for other ops.

    FOSSILIZE and PRUNE have functions of their own below.
    """
    if inputs.action is Op.FOSSILIZE:
        return _fossilize_shaping(inputs)
    if inputs.action is Op.PRUNE:
        return _prune_shaping(inputs)
    if inputs.action is Op.ADVANCE:
        assert inputs.seed_info is not None
        return -_ADVANCE_FROM_TRAINING if inputs.seed_info.stage is SeedStage.TRAINING else 0.0
    return 0.0


def fossilize_terminal_bonus(inputs: ContributionRewardInputs) -> float:
    """3 * tanh(1/3) * min(1, e/5) for a FOSSILIZE that succeeds and commits enough, else 0."""
    return 0.0 if committed_points(inputs) is None else _FOSSILIZE_BONUS * holding_maturity(inputs)


def committed_points(inputs: ContributionRewardInputs) -> float | None:
    """What a FOSSILIZE of this step commits, in points: v = min(c, s). None if it did not succeed or v is too small.

    s is the confirmed part of the seed's contribution (attribution.confirmed_points). A lone seed that lifted the
    accuracy has v = c. A v below growth.min_fossilize_contribution is too small.
    """
    target = inputs.target
    if not inputs.hits(Op.FOSSILIZE, target) or target.contribution is None:
        return None
    points = min(target.contribution, confirmed_points(inputs, target, inputs.val_acc))
    return points if points >= inputs.min_fossilize_contribution else None


def holding_maturity(inputs: RewardInputs) -> float:
    """min(1, e/5), where e counts the epochs of the targeted seed in HOLDING."""
    assert inputs.seed_info is not None
    return min(1.0, inputs.seed_info.epochs_in_stage / _MATURE_HOLDING_EPOCHS)


def young_prune_penalty(inputs: RewardInputs) -> float:
    """-young_prune_penalty if PRUNE hits a seed younger than 5 epochs."""
    if inputs.action is not Op.PRUNE or not inputs.action_success:
        return 0.0
    assert inputs.seed_info is not None
    return -inputs.config.young_prune_penalty if inputs.seed_info.epochs_total < _PRUNE_UNMEASURED_AGE else 0.0


def intervention_cost(inputs: RewardInputs) -> float:
    """-intervention_cost for every op except WAIT."""
    return 0.0 if inputs.action is Op.WAIT else -inputs.config.intervention_cost


def _fossilize_shaping(inputs: ContributionRewardInputs) -> float:
    """The shaping of a FOSSILIZE.

    - If I < 0, it is -0.5 - min(0.2 |I|, 1), and 0.3 less if c > 0.1 and I < -0.2.
    - A success that commits enough, with v = committed_points, earns (0.5 + 0.1 v) * min(1, e/5).
    - Everything else, also an attempt at a closed gate, is -0.2.
    """
    total, contribution = inputs.total_contribution, inputs.seed_contribution
    if total is not None and total < 0.0:
        penalty = _FOSSILIZE_HARM_PENALTY + min(_FOSSILIZE_HARM_SLOPE * -total, _FOSSILIZE_HARM_CAP)
        ransom = contribution is not None and contribution > _RANSOM_CONTRIBUTION and total < _RANSOM_TOTAL
        return -(penalty + _RANSOM_PENALTY) if ransom else -penalty
    points = committed_points(inputs)
    if points is None:
        return -_FOSSILIZE_WEAK_PENALTY
    return (_FOSSILIZE_BASE + _FOSSILIZE_PER_POINT * points) * holding_maturity(inputs)


def _prune_shaping(inputs: ContributionRewardInputs) -> float:
    """The shaping of a PRUNE. The potential that the seed had built up is taken back by pbrs_bonus, not here.

    - If c >= 0, it is -min(0.3 + 0.05 c, 0.9).
    - If c < 0, it is -0.1 below age 3, else +0.15 if c < -0.5, else +0.1.
    - If c was not measured, it is -0.1 below age 5, else 0.
    """
    assert inputs.seed_info is not None
    age, contribution = inputs.seed_info.epochs_total, inputs.seed_contribution
    if contribution is None:
        return -_PRUNE_YOUNG_PENALTY if age < _PRUNE_UNMEASURED_AGE else 0.0
    if contribution >= 0.0:
        return -min(_PRUNE_GOOD_PENALTY + _PRUNE_GOOD_SLOPE * contribution, _PRUNE_GOOD_CAP)
    if age < _PRUNE_BONUS_AGE:
        return -_PRUNE_YOUNG_PENALTY
    return _PRUNE_HURTING_BONUS if contribution < _PRUNE_HURTING else _PRUNE_WEAK_BONUS
