"""One env's reward for one step: the inputs from before and after the action, the raw reward, and its scale."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.seeds import SeedInfo
from esper.rewards.build import LivedStep, build_inputs
from esper.rewards.normalizer import RewardNormalizer
from esper.rewards.payment import Payment, pay
from esper.rewards.types import RewardComponents
from esper.training.config import TrainingConfig
from esper.training.episode.env_episode import EnvEpisode
from esper.training.vectorized_types import ActionSpec, RewardSummaryAccumulator


def reward_step(
    episode: EnvEpisode,
    spec: ActionSpec,
    *,
    config: TrainingConfig,
    normalizer: RewardNormalizer,
    slot_ids: Sequence[str],
    before: Sequence[SeedInfo | None],
    after: Sequence[SeedInfo | None],
    success: bool,
    host_params: int,
    random_guess_loss: float,
    by_operator: bool,
) -> RewardComponents:
    """Pay an env for its step, and write the reward into its outcome, its episode and its sums.

    before: the slots as the controller saw them.
    after: the slots as it will see them in the next epoch.
    by_operator: the operator decided, so the reward must not shape the scale of what the policy earns.
    """
    last = episode.epochs == config.fleet.episode_length
    step = LivedStep(
        config=config.reward,
        slot_ids=slot_ids,
        before=before,
        after=after,
        counterfactual=episode.measured.counterfactual,
        action=spec.action_for_reward,
        action_success=success,
        target_slot=spec.slot_idx,
        epoch=episode.epochs,
        max_epochs=config.fleet.episode_length,
        terminal=last and config.ppo.horizon == "terminate",
        host_params=host_params,
        accuracy_history=episode.accuracies,
        control_accuracy=episode.control_accuracy,
        val_loss=episode.measured.val_loss,
        loss_delta=episode.signals.loss_delta,
        random_guess_loss=random_guess_loss,
        min_fossilize_contribution=config.growth.min_fossilize_contribution,
        size_price=None if episode.signals.conditions is None else episode.signals.conditions.size_price,
    )
    episode.lived.append(step)
    payment = pay(build_inputs(step, episode.reward_state), episode.reward_state)
    episode.reward_state = payment.state
    components = payment.components
    episode.rewards.append(components.total)
    episode.outcome.reward_components = components
    episode.outcome.reward_raw = components.total
    episode.outcome.reward_normalized = (
        normalizer.scaled(components.total) if by_operator else normalizer.normalize(components.total)
    )
    episode.outcome.episode_reward = episode.episode_reward
    _accumulate(episode.reward_sums, payment)
    return components


def _accumulate(sums: RewardSummaryAccumulator, payment: Payment) -> None:
    """Add the terms of one step. A term that the reward mode does not have adds nothing."""
    components = payment.components
    sums.bounded_attribution += components.term("bounded_attribution") or 0.0
    sums.compute_rent += components.term("compute_rent") or 0.0
    sums.alpha_shock += components.term("alpha_shock") or 0.0
    sums.hindsight_credit += components.term("hindsight_credit") or 0.0
    sums.total_reward += components.total
    sums.count += 1
    sums.scaffold_count += payment.grant.scaffold_count
    sums.scaffold_delay_total += payment.grant.scaffold_delay_total
