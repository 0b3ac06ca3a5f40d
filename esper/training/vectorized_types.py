"""The typed records of the vectorised trainer. They hold CPU primitives only: no tensor, no module, no slot object.

Accuracies are in percent, rewards are raw unless the name says normalized, and times are in seconds unless the name
says ms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from esper.contracts.actions import (
    ALPHA_TARGET_VALUES,
    STYLE_VALUES,
    AlphaAlgorithm,
    Op,
    Style,
)
from esper.rewards.types import RewardComponents
from esper.telemetry.bounds import Batch, Count, Duration, EnvId, Percent, Rate
from esper.telemetry.events import DEFAULT_GROUP, EpisodeOutcome, PhaseTime, PPOMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One env's decoded action: the eight raw head indices, and what follows from them and from the slot's state.

    action_for_reward: the op that the reward sees: the sampled op if it was possible on the target slot, else WAIT.
    """

    slot_idx: int
    blueprint_idx: int
    style_idx: int
    tempo_idx: int
    alpha_target_idx: int
    alpha_speed_idx: int
    alpha_curve_idx: int
    op_idx: int
    target_slot: str
    slot_is_enabled: bool
    action_valid_for_reward: bool
    action_for_reward: Op

    @property
    def op(self) -> Op:
        return Op(self.op_idx)

    @property
    def style(self) -> Style:
        return Style(self.style_idx)

    @property
    def alpha_algorithm(self) -> AlphaAlgorithm:
        return STYLE_VALUES[self.style_idx][1]

    @property
    def blend_algorithm_id(self) -> str:
        return Style(self.style_idx).name.lower()

    @property
    def alpha_target(self) -> float:
        return ALPHA_TARGET_VALUES[self.alpha_target_idx]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMaskFlags:
    """Whether each head was constrained by its mask, so that it had fewer legal choices than usual."""

    slot: bool
    blueprint: bool
    style: bool
    tempo: bool
    alpha_target: bool
    alpha_speed: bool
    alpha_curve: bool
    op: bool

    def in_order(self) -> tuple[bool, ...]:
        """The flags in head order."""
        return (
            self.slot,
            self.blueprint,
            self.style,
            self.tempo,
            self.alpha_target,
            self.alpha_speed,
            self.alpha_curve,
            self.op,
        )


@dataclass(slots=True, kw_only=True)
class ActionOutcome:
    """What became of one env's action. It is allocated once per env and overwritten in each epoch."""

    action_success: bool
    action_name: str
    refusal: str | None
    reward_raw: float
    reward_normalized: float
    reward_components: RewardComponents | None
    rollback_occurred: bool
    truncated: bool
    episode_reward: float
    final_accuracy: float | None
    episode_outcome: EpisodeOutcome | None

    @classmethod
    def empty(cls) -> ActionOutcome:
        return cls(
            action_success=False,
            action_name=Op.WAIT.name,
            refusal=None,
            reward_raw=0.0,
            reward_normalized=0.0,
            reward_components=None,
            rollback_occurred=False,
            truncated=False,
            episode_reward=0.0,
            final_accuracy=None,
            episode_outcome=None,
        )


@dataclass(slots=True, kw_only=True)
class RewardSummaryAccumulator:
    """The running sums of one env's reward terms over an episode."""

    bounded_attribution: float = 0.0
    compute_rent: float = 0.0
    alpha_shock: float = 0.0
    hindsight_credit: float = 0.0
    total_reward: float = 0.0
    count: Count = 0
    scaffold_count: Count = 0
    scaffold_delay_total: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRecord:
    """One env's finished episode."""

    env_id: EnvId
    episode: Count
    episode_reward: float
    final_accuracy: Percent
    test_accuracy: Percent | None
    total_params: Count
    outcome: EpisodeOutcome

    @classmethod
    def of(cls, outcome: EpisodeOutcome) -> EpisodeRecord:
        """The record of an episode with this outcome."""
        return cls(
            env_id=outcome.env_id,
            episode=outcome.episode,
            episode_reward=outcome.episode_reward,
            final_accuracy=outcome.final_accuracy,
            test_accuracy=outcome.test_accuracy,
            total_params=outcome.total_params,
            outcome=outcome,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTimings:
    """The measured wall-clock times of one batch."""

    wall_seconds: Duration
    env_epochs_per_second: Rate
    phases: tuple[PhaseTime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """One batch of one policy group: E episodes and, if its controller learns, one PPO update.

    It is a line of history.jsonl.

    batch: counted from 1.
    episodes: the number of the group's episodes completed so far in the run.
    reward_summary: one record per env.
    """

    batch: Batch
    episodes: Count
    avg_accuracy: Percent
    rolling_avg_accuracy: Percent
    avg_test_accuracy: Percent | None
    avg_reward: float
    ppo_metrics: PPOMetrics | None
    reward_summary: tuple[RewardSummaryAccumulator, ...]
    episode_history: tuple[EpisodeRecord, ...]
    timings: BatchTimings | None
    group_id: str = DEFAULT_GROUP

    def without_timings(self) -> BatchSummary:
        """The part of the record that is a function of config and seed. On a CPU it is equal for equal runs."""
        metrics = None if self.ppo_metrics is None else replace(self.ppo_metrics, update_time_ms=0.0)
        return replace(self, timings=None, ppo_metrics=metrics)
