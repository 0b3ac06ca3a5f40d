"""The pay for one step: the reward, and what the next step's reward must remember."""

from __future__ import annotations

from dataclasses import dataclass, replace

from esper.rewards.commitment import next_drips
from esper.rewards.components import compute_reward
from esper.rewards.escrow import next_escrow
from esper.rewards.hindsight import HindsightGrant, hindsight_grant, next_boosts
from esper.rewards.loss import next_loss_unpaid
from esper.rewards.state import RewardState
from esper.rewards.types import ContributionRewardInputs, LossRewardInputs, RewardComponents


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The reward of one step, the state after it, and the hindsight credit that the step has earned for the next."""

    components: RewardComponents
    state: RewardState
    grant: HindsightGrant


def pay(inputs: ContributionRewardInputs | LossRewardInputs, state: RewardState) -> Payment:
    """Pay one env for one step.

    Nothing is changed, and nothing but the arguments is read.

    inputs: built from the same state.
    """
    components = compute_reward(inputs)
    if isinstance(inputs, LossRewardInputs):
        following = replace(state, loss_unpaid=next_loss_unpaid(inputs))
        return Payment(components=components, state=following, grant=HindsightGrant())
    grant = hindsight_grant(inputs, state.boosts) if _pays(components, "hindsight_credit") else HindsightGrant()
    following = RewardState(
        escrow=next_escrow(inputs) if _pays(components, "escrow_delta") else (),
        drips=next_drips(inputs, state.drips) if _pays(components, "commit_drip") else (),
        boosts=next_boosts(inputs, state.boosts) if _pays(components, "hindsight_credit") else (),
        hindsight_due=grant.credit,
    )
    return Payment(components=components, state=following, grant=grant)


def _pays(components: RewardComponents, name: str) -> bool:
    """Whether the configured mode has this component. A mode remembers only what its own components will read."""
    return components.term(name) is not None
