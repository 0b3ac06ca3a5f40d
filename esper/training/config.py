"""Configuration of a run: every room's config, and the run's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.settings import check_settings, setting
from esper.errors import ConfigError
from esper.fleet.config import FleetConfig
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import slot_config
from esper.growth.lifecycle.config import GrowthConfig
from esper.policy.baselines.config import ControllerConfig
from esper.policy.config import PolicyConfig
from esper.rewards.config import PRICED_MODES, RewardConfig
from esper.tasks.config import TaskConfig
from esper.training.ppo.config import PPOConfig
from esper.training.variety import VarietyConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorConfig:
    """When a host counts as lost (docs/internals/governor.md)."""

    enabled: bool = setting(True, "Whether hosts that are lost are rolled back to their last good state.")
    sensitivity: float = setting(
        6.0,
        "How far above the recent mean a loss must lie to be alarming.",
        above=0,
        at_most=1_000,
        unit="standard deviations",
    )
    multiplier: float = setting(
        3.0, "How many times the recent mean a loss must exceed to be alarming.", above=0, at_most=1_000_000
    )
    random_guess_multiplier: float = setting(
        1.2, "How many times the loss of a random guess a loss must exceed to be alarming.", at_least=0, at_most=1_000
    )
    window: int = setting(
        20, "The recent epochs whose losses are remembered.", at_least=1, at_most=1_000_000, unit="epochs"
    )
    min_samples: int = setting(
        10,
        "The fewest remembered losses from which a host is judged; at most governor.window.",
        at_least=1,
        at_most=1_000_000,
        unit="epochs",
    )
    panics_to_rollback: int = setting(
        3, "How many alarming epochs in a row lead to a rollback.", at_least=1, at_most=1_000_000, unit="epochs"
    )
    snapshot_interval: int = setting(
        5, "The epochs between two snapshots of a host's last good state.", at_least=1, at_most=1_000_000, unit="epochs"
    )
    penalty: float = setting(10.0, "The reward that a rollback takes away.", at_least=0, at_most=1_000_000)

    def __post_init__(self) -> None:
        check_settings(self, "governor")
        if self.min_samples > self.window:
            raise ConfigError(
                f"governor.min_samples is {self.min_samples}: it must be at most governor.window ({self.window}), or "
                "no host would ever be judged"
            )


KeepHosts = Literal["best", "last", "all", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """The run itself: how long, from which seed, where, and what of it is kept."""

    preset: str = setting("custom", "The preset that the run was started from, for the record.")
    rounds: int = setting(
        20,
        "The number of rounds, each one episode of every host and one update of the policy.",
        at_least=1,
        at_most=1_000_000_000,
        unit="rounds",
    )
    seed: int = setting(
        42, "The seed from which all randomness of the run is derived.", at_least=0, at_most=9_223_372_036_854_775_807
    )
    device: str = setting("cpu", "The device of the controller and the data: cpu, cuda or cuda:1.")
    devices: tuple[str, ...] = setting((), "The devices that share the hosts; empty means run.device alone.")
    threads: int = setting(
        0,
        "The CPU threads; 0 takes one or all that this process may use, whichever is faster when the run begins.",
        at_least=0,
        at_most=4_096,
        unit="threads",
    )
    checkpoint_interval: int = setting(
        10,
        "The rounds between two checkpoints; 0 writes one only when the run ends.",
        at_least=0,
        at_most=1_000_000_000,
        unit="rounds",
    )
    keep_checkpoints: int = setting(
        3,
        "How many of the last checkpoints stay, beside the one of the most accurate round; 0 keeps all.",
        at_least=0,
        at_most=1_000_000_000,
        unit="checkpoints",
    )
    keep_hosts: KeepHosts = setting(
        "best", "Which grown networks are kept: the best of the run (best), all of the last round (last), all, or none."
    )
    plugins: tuple[str, ...] = setting(
        (), "The modules of your own that are imported first, beside the installed plug-ins."
    )
    sinks: tuple[str, ...] = setting((), "The sinks that receive every event too, beside the run's own files.")
    rolling_window: int = setting(
        10, "The rounds over which the rolling mean accuracy is taken.", at_least=1, at_most=1_000_000, unit="rounds"
    )
    plateau_threshold: float = setting(
        0.5,
        "A smaller change of the rolling mean accuracy is a plateau; guessing is 0 and perfect is 100.",
        at_least=0,
        at_most=100,
        unit="points",
    )
    trend_threshold: float = setting(
        2.0,
        "A larger change of the rolling mean accuracy is a trend, on the same scale.",
        at_least=0,
        at_most=100,
        unit="points",
    )

    def __post_init__(self) -> None:
        check_settings(self, "run")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Everything that makes a run. On a CPU, equal configs give equal runs with equal numbers of threads."""

    run: RunConfig = field(default_factory=RunConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    host: HostConfig = field(default_factory=HostConfig)
    growth: GrowthConfig = field(default_factory=GrowthConfig)
    fleet: FleetConfig = field(default_factory=FleetConfig)
    variety: VarietyConfig = field(default_factory=VarietyConfig)
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    governor: GovernorConfig = field(default_factory=GovernorConfig)

    def __post_init__(self) -> None:
        check_settings(self, "")
        slot_config(self.host)  # a registry is asked here, so that HostConfig can stay plain values
        self._check_price()
        if self.reward.gamma != self.ppo.gamma:
            raise ConfigError(
                f"reward.gamma is {self.reward.gamma} and ppo.gamma is {self.ppo.gamma}: set both to the same value, "
                "otherwise the reward's shaping does not telescope"
            )

    def _check_price(self) -> None:
        """A price that no reward charges would be a number that the policy sees and that means nothing."""
        if not self.variety.size_price:
            return
        reward = self.reward
        if reward.family != "contribution" or reward.mode not in PRICED_MODES:
            raise ConfigError(
                f"variety.size_price is set, and reward.mode {reward.mode} of the family {reward.family} does not "
                f"charge it: choose {' or '.join(PRICED_MODES)}, or leave variety.size_price empty"
            )
        if not self.fleet.control_hosts:
            raise ConfigError(
                "variety.size_price is set without fleet.control_hosts, which show what growing brought for its price: "
                "set fleet.control_hosts to true"
            )
