"""Configuration of the fleet: how many hosts, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.counterfactual import AblationStrategy
from esper.contracts.validation import require_non_negative, require_positive
from esper.errors import ConfigError

ConvAlgorithm = Literal["auto", "native", "grouped", "loop"]
OptimizerKind = Literal["sgd", "adamw"]
DataOrder = Literal["shared", "per_env"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetConfig:
    """Supervised training of E hosts side by side.

    envs: E. episode_length: host epochs per episode (T). batch_size: samples per host and step. steps_per_epoch: 0 =
    one pass over the training split. optimizer: of hosts and seeds. learning_rate, weight_decay: of the host; seed_*:
    of each seed. momentum: of SGD, and the decay of AdamW's first moment (the second has 0.999).
    max_grad_norm: per host and per seed. conv_algorithm: how a stacked convolution computes (docs/fleet.md).
    data_order: shared gives every host the same minibatch, per_env its own order. gradient_stride: train steps
    between two readings of gradient statistics. ablation: which sets of seeds are measured in every epoch
    (docs/ablation.md).
    control_hosts: beside the envs, train one host of each start that never grows. What growing brought is then measured
    against it (docs/rewards.md).
    """

    envs: int = 8
    episode_length: int = 25
    batch_size: int = 64
    evaluation_batch_size: int = 512
    steps_per_epoch: int = 0
    optimizer: OptimizerKind = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    seed_learning_rate: float = 0.01
    seed_weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    conv_algorithm: ConvAlgorithm = "auto"
    data_order: DataOrder = "shared"
    gradient_stride: int = 10
    ablation: AblationStrategy = "pairs"
    control_hosts: bool = False

    def __post_init__(self) -> None:
        require_positive(
            "fleet",
            envs=self.envs,
            episode_length=self.episode_length,
            batch_size=self.batch_size,
            evaluation_batch_size=self.evaluation_batch_size,
            learning_rate=self.learning_rate,
            seed_learning_rate=self.seed_learning_rate,
            max_grad_norm=self.max_grad_norm,
            gradient_stride=self.gradient_stride,
        )
        require_non_negative(
            "fleet",
            steps_per_epoch=self.steps_per_epoch,
            weight_decay=self.weight_decay,
            seed_weight_decay=self.seed_weight_decay,
        )
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"fleet.momentum is {self.momentum}: it must be at least 0 and below 1")
