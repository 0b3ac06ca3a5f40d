"""The learning controller of a group: policy, its normalisers, the experience of the current batch and the update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from esper.contracts.constants import AGENT_NAME
from esper.contracts.randomness import derive_seed
from esper.growth.hosts.kinds import slot_config
from esper.policy.acting import Decision, PolicyStep, act, decisions, state_values
from esper.policy.config import Decisions
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.normalizer import NormalizerState, RunningNormalizer
from esper.policy.observations import Observation, observation_size
from esper.policy.situation import Situation
from esper.telemetry.events import PPOMetrics
from esper.training.config import TrainingConfig
from esper.training.controllers.named_tensors import (
    below,
    prefixed,
    require_not_negative,
    require_same_layout,
)
from esper.training.controllers.protocol import StepResult
from esper.training.ppo.rollout_buffer import RolloutBuffer
from esper.training.ppo.schedule import UpdateProgress
from esper.training.ppo.update import PPOUpdater
from esper.training.ppo.value_normalizer import ValueNormalizerState
from esper.training.ranks.protocol import SINGLE, Ranks, own_envs


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenStep:
    """A decision step whose rewards are not known yet.

    observation: normalised, on the policy's device.
    contributions: those measured before the decision, per env and slot.
    """

    raw: Observation
    observation: Observation
    step: PolicyStep
    contributions: tuple[tuple[float | None, ...], ...]


_NOT_NEGATIVE: Final = (
    "/exp_avg_sq",
    "/step",
    "observations/variance",
    "values/variance",
    "values/count",
    "values/reward_scale",
    "updates/progress",
)
"""How the names of the tensors end that hold counts, variances and scales."""


class Agent:
    """A controller that learns by PPO. Only its experience and its hidden state belong to a single batch."""

    def __init__(self, config: TrainingConfig, device: torch.device, *, how: Decisions = "sampled") -> None:
        """how: the way in which choices are made. An agent that is to learn must sample."""
        self._config = config
        self._how: Decisions = how
        self._device = device
        self._num_slots = slot_config(config.host).num_slots
        generator = torch.Generator().manual_seed(derive_seed(config.run.seed, "policy weights"))
        conditions = config.variety.draws
        self.policy = FactoredRecurrentPolicy(self._num_slots, config.policy, generator, conditions=conditions).to(
            device
        )
        self._observation_normalizer = RunningNormalizer(
            observation_size(self._num_slots, conditions=conditions),
            momentum=config.policy.observation_momentum,
            clip=config.policy.observation_clip,
            device=device,
        )
        self._updater = PPOUpdater(self.policy, config.ppo)
        self._open_step: _OpenStep | None = None
        self._reward_scale = 1.0
        self.join(SINGLE)

    def join(self, ranks: Ranks) -> None:
        """Decide for this rank's own envs only, and learn from those of all ranks."""
        self._updater.ranks = ranks
        self._envs = len(own_envs(ranks, self._config.fleet.envs))
        self._buffer = RolloutBuffer(
            envs=self._envs,
            epochs=self._config.fleet.episode_length,
            num_slots=self._num_slots,
            device=self._device,
            conditions=self._config.variety.draws,
        )
        self._hidden = self.policy.initial_state(self._envs)

    @property
    def name(self) -> str:
        return AGENT_NAME

    @property
    def learns(self) -> bool:
        return True

    def begin_batch(self, reward_scale: float) -> None:
        """Forget the experience of the last batch and start every episode from the zero state."""
        self._take_units(reward_scale)
        self._buffer.clear()
        self.policy.set_floors(self._config.policy.floors_after(self._updater.progress.episodes))
        self._hidden = self.policy.initial_state(self._envs)

    def decide(self, situation: Situation, generator: torch.Generator) -> tuple[Decision, ...]:
        """Choose one action per env. This makes the one copy from the device of a decision step."""
        raw = situation.observation
        observation = self._normalize(raw)
        masks = situation.masks.to(self._device)
        step = act(self.policy, observation, masks, self._hidden, generator, self._how)
        self._hidden = step.hidden
        self._open_step = _OpenStep(
            raw=raw,
            observation=observation,
            step=step,
            contributions=tuple(env.counterfactual.contributions() for env in situation.envs),
        )
        return decisions(step, self._updater.value_normalizer.to_rewards, self._num_slots)

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
            contributions=decided.contributions,
            done=[result.last] * envs,
            truncated=[truncated] * envs,
            active=result.active,
            overridden=result.overridden,
        )
        self._open_step = None

    def _take_units(self, reward_scale: float) -> None:
        """Let the statistics of returns follow the units of the rewards."""
        if reward_scale != self._reward_scale:
            self._updater.value_normalizer.change_units(self._reward_scale / reward_scale)
            self._reward_scale = reward_scale

    def bootstrap(self, observation: Observation) -> None:
        """Estimate the value of the states that follow the last epoch, for episodes that ran out of time."""
        if self._config.ppo.horizon == "terminate":
            return
        values_e = state_values(self.policy, self._normalize(observation), self._hidden)
        self._buffer.set_bootstrap(self._config.fleet.episode_length - 1, values_e)

    def penalise(self, env: int, reward: float) -> None:
        """Assign the governor's penalty to the env's last executed step, which becomes terminal."""
        self._buffer.penalise(env, reward)

    def learn(self, generator: torch.Generator) -> PPOMetrics:
        """Learn from the batch: first the observation statistics, then the policy."""
        rollout = self._buffer.tensors()
        self._observation_normalizer.update(rollout.raw_features_etd, rollout.valid_et, self._updater.ranks.sum)
        return self._updater.update(self._buffer, generator)

    def state(self) -> dict[str, Tensor]:
        """The weights, the optimiser's state, the statistics of observations and returns, and all progress."""
        observations, values = self._observation_normalizer.state(), self._updater.value_normalizer.state()
        weights = {name: tensor.detach().clone() for name, tensor in self.policy.state_dict().items()}
        return {
            **prefixed("policy", weights),
            **prefixed("optimizer", self._updater.optimizer.tensors()),
            "observations/mean": observations.mean_d,
            "observations/variance": observations.variance_d,
            "values/mean": values.mean,
            "values/variance": values.variance,
            "values/count": values.count,
            "values/reward_scale": torch.tensor(self._reward_scale, dtype=torch.float64),
            "updates/progress": self._updater.progress.as_tensor(),
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue as the agent to which this state belongs.

        Raises:
            ConfigError: a count or a variance in it is negative.
        """
        require_not_negative(tensors, _NOT_NEGATIVE)
        self.policy.load_state_dict(below("policy", tensors))
        self._updater.optimizer.load_tensors(below("optimizer", tensors))
        self._observation_normalizer.load_state(
            NormalizerState(mean_d=tensors["observations/mean"], variance_d=tensors["observations/variance"])
        )
        self._updater.value_normalizer.load_state(
            ValueNormalizerState(
                mean=tensors["values/mean"], variance=tensors["values/variance"], count=tensors["values/count"]
            )
        )
        self._reward_scale = float(tensors["values/reward_scale"])
        self._updater.progress = UpdateProgress.from_tensor(tensors["updates/progress"])

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what another agent learned. The schedules of exploration begin anew.

        Raises:
            ConfigError: the tensors are not those of such an agent.
        """
        require_same_layout(tensors, self.state())
        self.load_state(tensors)
        self._updater.progress = UpdateProgress()

    def _normalize(self, raw: Observation) -> Observation:
        """The observation as the policy sees it, on the policy's device. The statistics stay as they are."""
        moved = raw.to(self._device)
        return Observation(
            features_ed=self._observation_normalizer.normalize(moved.features_ed),
            blueprints_es=moved.blueprints_es,
        )
