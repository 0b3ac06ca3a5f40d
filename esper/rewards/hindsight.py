"""Credit, after the fact, for seeds that helped another one until it could be committed.

Each epoch in which a pair of seeds contributes more than its parts (interaction > 0) is written into a ledger. When one
of the pair is fossilised, the ledger shows how much of its value it owes to its scaffolds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.counterfactual import CounterfactualMatrix
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import LIVE_STAGES
from esper.rewards.state import Boost
from esper.rewards.types import ContributionRewardInputs

_INTERACTION_SLOPE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class HindsightGrant:
    """What one FOSSILIZE earns for its scaffolds.

    scaffold_count: the number of the ledger's rows that it drew on.
    scaffold_delay_total: the sum over those rows of the epochs between boost and commitment.
    """

    credit: float = 0.0
    scaffold_count: int = 0
    scaffold_delay_total: int = 0


def measured_boosts(
    seeds: Sequence[SeedInfo | None], counterfactual: CounterfactualMatrix, epoch: int
) -> tuple[Boost, ...]:
    """The rows of this epoch: one for each seed of a pair with positive interaction that can still be committed."""
    boosts: list[Boost] = []
    for (i, scaffold), (j, beneficiary) in permutations(enumerate(seeds), 2):
        if scaffold is None or beneficiary is None or beneficiary.stage not in LIVE_STAGES:
            continue
        points = counterfactual.interaction(i, j)
        if points is not None and points > 0.0:
            boosts.append(Boost(scaffold=scaffold.seed_id, beneficiary=beneficiary.seed_id, points=points, epoch=epoch))
    return tuple(boosts)


def hindsight_credit(inputs: ContributionRewardInputs) -> float:
    """What the previous step's FOSSILIZE earned for the seed's scaffolds, from 0 to max_hindsight_credit."""
    return inputs.hindsight_due


def hindsight_grant(inputs: ContributionRewardInputs, ledger: Sequence[Boost]) -> HindsightGrant:
    """What a FOSSILIZE that succeeds with c > 0 earns for the scaffolds of its seed.

    It is the sum over the rows that name the seed as beneficiary of
    hindsight_weight * tanh(0.1 * points * c) * gamma ** (epochs since), at most max_hindsight_credit.
    """
    contribution = inputs.seed_contribution
    succeeded = inputs.action is Op.FOSSILIZE and inputs.action_success
    if not succeeded or contribution is None or contribution <= 0.0:
        return HindsightGrant()
    rows = [boost for boost in (*ledger, *inputs.boosts) if boost.beneficiary == inputs.seed_id]
    config = inputs.config
    credit = sum(
        math.tanh(_INTERACTION_SLOPE * boost.points * contribution) * config.gamma ** (inputs.epoch - boost.epoch)
        for boost in rows
    )
    return HindsightGrant(
        credit=min(config.hindsight_weight * credit, config.max_hindsight_credit),
        scaffold_count=len(rows),
        scaffold_delay_total=sum(inputs.epoch - boost.epoch for boost in rows),
    )


def next_boosts(inputs: ContributionRewardInputs, ledger: Sequence[Boost]) -> tuple[Boost, ...]:
    """The ledger after this step, without the rows of seeds that are no longer open."""
    open_seeds = {
        slot.after.seed_id for slot in inputs.slots if slot.after is not None and slot.after.stage in LIVE_STAGES
    }
    return tuple(boost for boost in (*ledger, *inputs.boosts) if boost.beneficiary in open_seeds)
