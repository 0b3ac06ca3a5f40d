"""One env during one episode: what the trainer carries on the CPU from epoch to epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import pvariance

from esper.contracts.constants import EPISODE_SUCCESS_THRESHOLD
from esper.fleet.measure import EnvMeasurement
from esper.fleet.shard import RowSnapshot
from esper.policy.signals import EnvSignals
from esper.rewards.build import LivedStep
from esper.rewards.state import RewardState
from esper.telemetry.events import OutcomeType
from esper.training.governor import LossWindow
from esper.training.vectorized_types import ActionOutcome, RewardSummaryAccumulator

_STABILITY_WINDOW = 20


@dataclass(slots=True, kw_only=True)
class EnvEpisode:
    """The record of one env's episode, which is allocated once per env and batch.

    last_good: the snapshot that the governor restores, taken after last_good_epoch.
    snapshot_due: whether to take a snapshot at the next healthy epoch.
    running: False once the governor has ended the episode.
    accuracies: the validation accuracy of each epoch.
    lived: every step for which it was paid.
    reward_state: what the reward remembers between two steps.
    """

    env_id: int
    signals: EnvSignals
    loss_window: LossWindow
    last_good: RowSnapshot
    rewards: list[float]
    accuracies: list[float]
    last_good_epoch: int = 0
    snapshot_due: bool = False
    measurement: EnvMeasurement | None = None
    control_accuracy: float | None = None
    epochs: int = 0
    lived: list[LivedStep] = field(default_factory=list[LivedStep])
    running: bool = True
    prunes: int = 0
    contributing_fossilized: int = 0
    outcome: ActionOutcome = field(default_factory=ActionOutcome.empty)
    reward_state: RewardState = field(default_factory=RewardState)
    reward_sums: RewardSummaryAccumulator = field(default_factory=RewardSummaryAccumulator)

    @property
    def measured(self) -> EnvMeasurement:
        """The measurement of this epoch."""
        assert self.measurement is not None, "an env is measured before anything reads it"
        return self.measurement

    @property
    def episode_reward(self) -> float:
        """The sum of the raw rewards so far."""
        return sum(self.rewards)

    def penalise(self, penalty: float) -> None:
        """Replace the last step's raw reward, in the episode and in its sums."""
        self.reward_sums.total_reward += penalty - self.rewards[-1]
        self.rewards[-1] = penalty
        self.outcome.episode_reward = self.episode_reward

    @property
    def stability(self) -> float:
        """1 / (1 + variance of the last 20 raw rewards), or 1 if there are fewer than two."""
        recent = self.rewards[-_STABILITY_WINDOW:]
        return 1.0 / (1.0 + pvariance(recent)) if len(recent) > 1 else 1.0

    @property
    def outcome_type(self) -> OutcomeType:
        """How the episode ended, once it has ended."""
        if not self.running:
            return OutcomeType.ROLLBACK
        return OutcomeType.SUCCESS if self.accuracies[-1] >= EPISODE_SUCCESS_THRESHOLD else OutcomeType.TIMEOUT
