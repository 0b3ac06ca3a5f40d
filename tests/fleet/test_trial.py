"""A blueprint that cannot grow fails before the run begins, in one line that names it and who registered it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from esper.contracts.actions import Blueprint, Topology
from esper.errors import ConfigError
from esper.fleet.autotune import FleetShape
from esper.fleet.config import FleetConfig
from esper.fleet.trial import Trial
from esper.growth.blueprints.from_module import module_blueprint
from esper.growth.blueprints.registry import register_blueprint
from esper.growth.hosts.config import HostConfig
from esper.growth.lifecycle.config import GrowthConfig

IMAGES = FleetShape(
    host=HostConfig(base_channels=4, blocks=2),
    input_shape=(1, 8, 8),
    num_classes=10,
    rows=2,
    batch_size=8,
    device=torch.device("cpu"),
)
TRIAL = Trial(shape=IMAGES, growth=GrowthConfig(), fleet=FleetConfig(conv_algorithm="grouped"))
TOKENS = replace(IMAGES, host=HostConfig(kind="transformer"), input_shape=(8,), num_classes=50)
TEXT = replace(TRIAL, shape=TOKENS)


class Wordy(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        raise LookupError("first line\nsecond line")


class Endless(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * torch.log(-1.0 - x.abs())


def only_narrow(channels: int) -> nn.Module:
    if channels > 4:
        raise KeyError("only four channels")
    return nn.Conv2d(channels, channels, 1)


def register(build: Callable[[int], nn.Module]) -> None:
    register_blueprint(Blueprint.LORA, module_blueprint(build), parameter_estimate=lambda channels: channels**2)


@pytest.mark.usefixtures("own_registry")
@pytest.mark.parametrize(
    ("build", "said"),
    [
        (only_narrow, r"KeyError: 'only four channels' \(test_trial\.py, line \d+\)"),
        (lambda channels: nn.Conv2d(channels, 2 * channels, 1), "RuntimeError: "),
        (lambda channels: nn.BatchNorm2d(channels), "BatchNorm2d keeps buffers"),
        (Wordy, "LookupError: first line second line"),
        (Endless, "the host's loss is not a finite number"),
    ],
)
def test_a_blueprint_that_cannot_grow_is_named_with_its_module(build: Callable[[int], nn.Module], said: str) -> None:
    register(build)
    with pytest.raises(ConfigError, match=f"^blueprint LORA, which {__name__!r} registers, .*{said}") as raised:
        TRIAL.run()
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("own_registry")
def test_a_blueprint_that_can_grow_passes_and_draws_no_random_number() -> None:
    register(lambda channels: nn.Conv2d(channels, channels, 1))
    before = torch.get_rng_state()
    TRIAL.run()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.usefixtures("own_registry")
def test_a_seed_for_tokens_is_tried_on_tokens() -> None:
    TEXT.run()
    register_blueprint(
        Blueprint.CONV_HEAVY,
        module_blueprint(lambda channels: nn.Linear(channels + 1, channels)),
        parameter_estimate=lambda channels: channels**2,
        topology=Topology.TRANSFORMER,
    )
    with pytest.raises(ConfigError, match=r"blueprint CONV_HEAVY, .* cannot grow in this transformer host: "):
        TEXT.run()
