"""What is reported about a finished episode: the outcome event, and the record in the batch summary."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.telemetry.events import EnvRewardSummary, EpisodeOutcome
from esper.training.episode.env_episode import EnvEpisode
from esper.training.vectorized_types import RewardSummaryAccumulator


def episode_outcome(
    episode: EnvEpisode,
    infos: Sequence[SeedInfo | None],
    *,
    batch: int,
    number: int,
    test_accuracy: float | None,
    host_params: int,
    total_params: int,
    germinations: int,
    reward_mode: str,
) -> EpisodeOutcome:
    """The one outcome of an episode.

    number: the number of the episode, counted over the whole run from 0.
    """
    return EpisodeOutcome(
        env_id=episode.env_id,
        batch=batch,
        episode=number,
        episode_length=episode.epochs,
        outcome=episode.outcome_type,
        final_accuracy=episode.accuracies[-1],
        test_accuracy=test_accuracy,
        best_accuracy=max(episode.accuracies),
        episode_reward=episode.episode_reward,
        stability=episode.stability,
        host_params=host_params,
        total_params=total_params,
        param_ratio=total_params / host_params,
        num_fossilized=sum(1 for info in infos if info is not None and info.stage is SeedStage.FOSSILIZED),
        num_contributing_fossilized=episode.contributing_fossilized,
        germinations=germinations,
        prunes=episode.prunes,
        reward_mode=reward_mode,
    )


def env_reward_summary(env_id: int, sums: RewardSummaryAccumulator) -> EnvRewardSummary:
    """The sums of one env's reward terms, for telemetry."""
    return EnvRewardSummary(
        env_id=env_id,
        bounded_attribution=sums.bounded_attribution,
        compute_rent=sums.compute_rent,
        alpha_shock=sums.alpha_shock,
        hindsight_credit=sums.hindsight_credit,
        total_reward=sums.total_reward,
        steps=sums.count,
        scaffold_count=sums.scaffold_count,
        scaffold_delay_total=sums.scaffold_delay_total,
    )
