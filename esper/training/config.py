"""Configuration of a run: every room's config, and the run's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.validation import require_non_negative, require_positive
from esper.errors import ConfigError
from esper.fleet.config import FleetConfig
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import slot_config
from esper.growth.lifecycle.config import GrowthConfig
from esper.policy.baselines.config import ControllerConfig
from esper.policy.config import PolicyConfig
from esper.rewards.config import RewardConfig
from esper.tasks.config import TaskConfig
from esper.training.ppo.config import PPOConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorConfig:
    """When a host counts as lost (docs/internals/governor.md).

    sensitivity: standard deviations above the recent mean loss. multiplier: times the recent mean loss. Both must be
    exceeded for panics_to_rollback epochs running, and the loss must exceed random_guess_multiplier times the task's
    random-guess loss. snapshot_interval: epochs between two snapshots of the last good state.
    """

    enabled: bool = True
    sensitivity: float = 6.0
    multiplier: float = 3.0
    random_guess_multiplier: float = 1.2
    window: int = 20
    min_samples: int = 10
    panics_to_rollback: int = 3
    snapshot_interval: int = 5
    penalty: float = 10.0

    def __post_init__(self) -> None:
        require_positive(
            "governor",
            sensitivity=self.sensitivity,
            multiplier=self.multiplier,
            window=self.window,
            min_samples=self.min_samples,
            panics_to_rollback=self.panics_to_rollback,
            snapshot_interval=self.snapshot_interval,
        )
        require_non_negative("governor", penalty=self.penalty)


KeepHosts = Literal["best", "last", "all", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """The run itself. rounds: batches, each E episodes and one PPO update. threads: 0 leaves torch's choice.

    device: of the controller and the data. devices: those that share the fleet's envs; empty: device alone. On a CPU
    each one is a thread of its own with run.threads threads.
    checkpoint_interval: rounds between two checkpoints; 0 writes one only when the run ends.
    keep_hosts: which grown networks stay in the run's folder: the three best of the run and the best of its last round
        (best), every one of the last round (last), every one (all), or none.
    plateau_threshold and trend_threshold: change of the rolling mean accuracy that counts as a trend, in points on a
    scale where guessing is 0 and perfect is 100.
    """

    preset: str = "custom"
    rounds: int = 20
    seed: int = 42
    device: str = "cpu"
    devices: tuple[str, ...] = ()
    threads: int = 0
    checkpoint_interval: int = 10
    keep_hosts: KeepHosts = "best"
    rolling_window: int = 10
    plateau_threshold: float = 0.5
    trend_threshold: float = 2.0

    def __post_init__(self) -> None:
        require_positive("run", rounds=self.rounds, rolling_window=self.rolling_window)
        require_non_negative("run", seed=self.seed, threads=self.threads, checkpoint_interval=self.checkpoint_interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything that makes a run. Equal configs give equal runs on CPU."""

    run: RunConfig = field(default_factory=RunConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    host: HostConfig = field(default_factory=HostConfig)
    growth: GrowthConfig = field(default_factory=GrowthConfig)
    fleet: FleetConfig = field(default_factory=FleetConfig)
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    governor: GovernorConfig = field(default_factory=GovernorConfig)

    def __post_init__(self) -> None:
        slot_config(self.host)  # a registry is asked here, so that HostConfig can stay plain values
        if self.reward.gamma != self.ppo.gamma:
            raise ConfigError(
                f"reward.gamma is {self.reward.gamma} and ppo.gamma is {self.ppo.gamma}: set both to the same value, "
                "otherwise the reward's shaping does not telescope"
            )
        if self.fleet.envs % self.ppo.minibatches:
            raise ConfigError(
                f"ppo.minibatches is {self.ppo.minibatches}: it must divide fleet.envs ({self.fleet.envs}), because "
                "minibatches split the env axis"
            )
