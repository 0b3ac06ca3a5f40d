"""Configuration of the fleet: how many hosts, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.counterfactual import AblationStrategy
from esper.contracts.settings import check_settings, setting

ConvAlgorithm = Literal["auto", "native", "grouped", "loop"]
OptimizerKind = Literal["sgd", "adamw"]
DataOrder = Literal["shared", "per_env"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetConfig:
    """How many hosts are trained side by side, and how (docs/internals/fleet.md)."""

    envs: int = setting(
        8,
        "The number of hosts that are trained side by side, in each policy group.",
        at_least=1,
        at_most=65_536,
        unit="hosts",
    )
    episode_length: int = setting(
        25, "The number of host epochs in an episode.", at_least=1, at_most=1_000_000, unit="epochs"
    )
    batch_size: int = setting(
        64, "The samples that each host sees in one training step.", at_least=1, at_most=1_000_000, unit="samples"
    )
    evaluation_batch_size: int = setting(
        512, "The samples that each host is evaluated on at once.", at_least=1, at_most=1_000_000, unit="samples"
    )
    steps_per_epoch: int = setting(
        0,
        "The training steps in a host epoch; 0 means one pass over the training split.",
        at_least=0,
        at_most=1_000_000_000,
        unit="steps",
    )
    optimizer: OptimizerKind = setting("sgd", "The optimiser of hosts and seeds.")
    learning_rate: float = setting(0.01, "The learning rate of the hosts.", above=0, at_most=100)
    momentum: float = setting(0.9, "The momentum of SGD, or the decay of AdamW's first moment.", at_least=0, below=1)
    weight_decay: float = setting(5e-4, "The weight decay of the hosts.", at_least=0, at_most=10)
    seed_learning_rate: float = setting(0.01, "The learning rate of the seeds.", above=0, at_most=100)
    seed_weight_decay: float = setting(0.0, "The weight decay of the seeds.", at_least=0, at_most=10)
    max_grad_norm: float = setting(
        1.0, "The norm to which the gradient of each host and of each seed is clipped.", above=0, at_most=1_000_000
    )
    conv_algorithm: ConvAlgorithm = setting(
        "auto", "How stacked layers compute; auto chooses by measurement on this machine."
    )
    data_order: DataOrder = setting(
        "shared", "Whether all hosts see the same minibatches (shared) or each has an order of its own (per_env)."
    )
    gradient_stride: int = setting(
        10,
        "The training steps between two readings of the gradient statistics.",
        at_least=1,
        at_most=1_000_000,
        unit="steps",
    )
    ablation: AblationStrategy = setting("pairs", "Which sets of seeds are switched off and measured in every epoch.")
    control_hosts: bool = setting(
        False,
        "Whether one host of each start that never grows is trained beside the others, to measure what growing brings.",
    )

    def __post_init__(self) -> None:
        check_settings(self, "fleet")
