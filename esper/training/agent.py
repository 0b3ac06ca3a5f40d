"""The learning controller of a run: policy, its normalisers, the experience of the current batch and the update."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from esper.contracts.randomness import derive_seed
from esper.policy.acting import Decision, PolicyStep, act, decisions, state_values
from esper.policy.masks import ActionMasks
from esper.policy.network import FactoredRecurrentPolicy, Hidden
from esper.policy.normalizer import RunningNormalizer
from esper.policy.observations import Observation, observation_size
from esper.rewards.normalizer import RewardNormalizer
from esper.training.config import TrainingConfig
from esper.training.env_episode import EnvEpisode
from esper.training.ppo import PPOUpdater
from esper.training.rollout_buffer import RolloutBuffer
from esper.training.vectorized_types import PPOMetrics


class Agent:
    """Everything that outlives a batch on the controller's side."""

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self._config = config
        self._device = device
        self._num_slots = config.host.slot_config().num_slots
        generator = torch.Generator().manual_seed(derive_seed(config.run.seed, "policy weights"))
        self.policy = FactoredRecurrentPolicy(self._num_slots, config.policy, generator).to(device)
        self._observation_normalizer = RunningNormalizer(
            observation_size(self._num_slots),
            momentum=config.policy.observation_momentum,
            clip=config.policy.observation_clip,
            device=device,
        )
        self.reward_normalizer = RewardNormalizer(clip=config.reward.clip)
        self._updater = PPOUpdater(self.policy, config.ppo)
        self._buffer = RolloutBuffer(
            envs=config.fleet.envs,
            epochs=config.fleet.episode_length,
            num_slots=self._num_slots,
            device=device,
        )

    def begin_batch(self) -> None:
        """Forget the experience of the last batch."""
        self._buffer.clear()

    def normalize(self, raw: Observation) -> Observation:
        """The observation as the policy sees it, on the policy's device. The statistics stay as they are."""
        moved = raw.to(self._device)
        return Observation(
            features_ed=self._observation_normalizer.normalize(moved.features_ed),
            blueprints_es=moved.blueprints_es,
        )

    def act(
        self, observation: Observation, masks: ActionMasks, hidden: Hidden, generator: torch.Generator
    ) -> PolicyStep:
        """Sample one action per env from a normalised observation."""
        return act(self.policy, observation, masks.to(self._device), hidden, generator)

    def decisions(self, step: PolicyStep) -> tuple[Decision, ...]:
        """What every env decided, on the CPU; the one copy of a decision step."""
        return decisions(step, self._updater.value_normalizer.scale, self._num_slots)

    def store(
        self,
        t: int,
        *,
        raw: Observation,
        observation: Observation,
        step: PolicyStep,
        rewards: Sequence[float],
        contributions: Sequence[Sequence[float | None]],
        last: bool,
        active: Sequence[bool],
    ) -> None:
        """Keep epoch t (from 0).

        contributions: measured in this epoch, percentage points, per env and slot. last: the episodes' time runs out
        with this step.
        """
        truncated = last and self._config.ppo.horizon == "truncate"
        self._buffer.add(
            t,
            raw_features_ed=raw.features_ed,
            observation=observation,
            step=step,
            rewards=rewards,
            contributions=contributions,
            done=[last] * len(active),
            truncated=[truncated] * len(active),
            active=active,
        )

    def store_bootstrap(self, t: int, raw: Observation, hidden: Hidden) -> None:
        """Value the states that follow epoch t."""
        self._buffer.set_bootstrap(t, state_values(self.policy, self.normalize(raw), hidden))

    def penalise(self, episode: EnvEpisode) -> None:
        """Put the governor's penalty on the env's last executed step, which becomes terminal.

        An env that was lost before its first step has no step to blame.
        """
        if not episode.rewards:
            return
        penalty = -self._config.governor.penalty
        episode.penalise(penalty)
        self._buffer.penalise(episode.env_id, self.reward_normalizer.normalize_only(penalty))

    def require_learning(self) -> None:
        """Raise once too many updates in a row were skipped.

        Raises:
            SkippedUpdatesError: names the cause.
        """
        self._updater.progress.require_learning()

    def update(self, generator: torch.Generator) -> PPOMetrics:
        """Learn from the batch: first the observation statistics, then the policy."""
        rollout = self._buffer.tensors()
        self._observation_normalizer.update(rollout.raw_features_etd, rollout.valid_et)
        return self._updater.update(self._buffer, generator)
