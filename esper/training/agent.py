"""The learning controller of a group: policy, its normalisers, the experience of the current batch and the update."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from esper.contracts.randomness import derive_seed
from esper.policy.acting import Decision, PolicyStep, act, decisions, state_values
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.normalizer import RunningNormalizer
from esper.policy.observations import Observation, observation_size
from esper.policy.situation import Situation
from esper.training.config import TrainingConfig
from esper.training.controller import StepResult
from esper.training.ppo import PPOUpdater
from esper.training.rollout_buffer import RolloutBuffer
from esper.training.vectorized_types import PPOMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenStep:
    """A decision step whose rewards are not known yet. observation: normalised, on the policy's device."""

    raw: Observation
    observation: Observation
    step: PolicyStep


class Agent:
    """A Controller that learns by PPO. Everything here outlives a batch, except the experience and the hidden state."""

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
        self._updater = PPOUpdater(self.policy, config.ppo)
        self._buffer = RolloutBuffer(
            envs=config.fleet.envs,
            epochs=config.fleet.episode_length,
            num_slots=self._num_slots,
            device=device,
        )
        self._hidden = self.policy.initial_state(config.fleet.envs)
        self._open_step: _OpenStep | None = None

    @property
    def name(self) -> str:
        return "ppo"

    @property
    def learns(self) -> bool:
        return True

    def begin_batch(self) -> None:
        """Forget the experience of the last batch and start every episode from the zero state."""
        self._buffer.clear()
        self._hidden = self.policy.initial_state(self._config.fleet.envs)

    def decide(self, situation: Situation, generator: torch.Generator) -> tuple[Decision, ...]:
        """Sample one action per env; the one copy from the device of a decision step."""
        raw = situation.observation
        observation = self._normalize(raw)
        step = act(self.policy, observation, situation.masks.to(self._device), self._hidden, generator)
        self._hidden = step.hidden
        self._open_step = _OpenStep(raw=raw, observation=observation, step=step)
        return decisions(step, self._updater.value_normalizer.scale, self._num_slots)

    def record(self, result: StepResult) -> None:
        """Keep the last decisions with what they earned."""
        decided, envs = self._open_step, len(result.active)
        assert decided is not None, "a step is decided before it is recorded"
        truncated = result.last and self._config.ppo.horizon == "truncate"
        self._buffer.add(
            result.epoch - 1,
            raw_features_ed=decided.raw.features_ed,
            observation=decided.observation,
            step=decided.step,
            rewards=result.rewards,
            done=[result.last] * envs,
            truncated=[truncated] * envs,
            active=result.active,
        )
        self._open_step = None

    def bootstrap(self, observation: Observation) -> None:
        """Value the states that follow the last epoch, for episodes that ran out of time."""
        if self._config.ppo.horizon == "terminate":
            return
        values_e = state_values(self.policy, self._normalize(observation), self._hidden)
        self._buffer.set_bootstrap(self._config.fleet.episode_length - 1, values_e)

    def penalise(self, env: int, reward: float) -> None:
        """Put the governor's penalty on the env's last executed step, which becomes terminal."""
        self._buffer.penalise(env, reward)

    def learn(self, generator: torch.Generator) -> PPOMetrics:
        """Learn from the batch: first the observation statistics, then the policy."""
        rollout = self._buffer.tensors()
        self._observation_normalizer.update(rollout.raw_features_etd, rollout.valid_et)
        return self._updater.update(self._buffer, generator)

    def _normalize(self, raw: Observation) -> Observation:
        """The observation as the policy sees it, on the policy's device. The statistics stay as they are."""
        moved = raw.to(self._device)
        return Observation(
            features_ed=self._observation_normalizer.normalize(moved.features_ed),
            blueprints_es=moved.blueprints_es,
        )
