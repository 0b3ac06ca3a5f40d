"""check_blueprint passes what is sound and catches what is not; blueprints of one's own join the registry."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from esper.conformance.blueprints import check_blueprint
from esper.contracts.actions import Blueprint, Topology
from esper.errors import ConfigError
from esper.growth.blueprints import registry
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.blueprints.conv_small import ConvSmallSeed
from esper.growth.blueprints.from_module import module_blueprint
from esper.growth.blueprints.registry import build_seed, register_blueprint
from esper.layers.convolution import stacked_conv2d
from esper.layers.native.program import Program
from esper.layers.rows import append_rows, parameters_per_row

pytestmark = pytest.mark.usefixtures("own_registry")
MINE = Blueprint.LORA


def failures(factory: registry.SeedFactory, estimate: int = 16 * 16 + 3 * 16) -> set[str]:
    register_blueprint(MINE, factory, parameter_estimate=lambda channels: estimate)
    report = check_blueprint(MINE)
    assert report.passed == (not report.failures)
    return {check.name for check in report.failures}


@pytest.mark.parametrize("blueprint", sorted(registry.CNN_SEEDS))
@pytest.mark.parametrize("channels", [4, 16])
def test_every_blueprint_of_esper_passes(blueprint: Blueprint, channels: int) -> None:
    report = check_blueprint(blueprint, channels=channels)
    assert report.passed, str(report)
    assert f"{report.parameters} parameters" in str(report)


class Changed(ConvSmallSeed):
    """CONV_SMALL with a change of its branch."""

    change: Callable[[Tensor, Tensor], Tensor]

    def branch(self, x_rbchw: Tensor) -> Tensor:
        return type(self).change(x_rbchw, super().branch(x_rbchw))


def test_a_sound_change_passes() -> None:
    class Sound(Changed):
        change = staticmethod(lambda x, f: 0.5 * f)

    assert failures(Sound) == set()


def test_a_program_that_computes_something_else_is_caught() -> None:
    class Forgetful(ConvSmallSeed):
        def program(self) -> Program:
            return super().program()[:-1]  # without the ReLU

    assert failures(Forgetful) == {"native = layers"}


def test_a_dead_blueprint_is_caught() -> None:
    class Dead(Changed):
        change = staticmethod(lambda x, f: torch.relu(f - 100.0))

    assert failures(Dead) == {"every parameter learns"}


def test_a_leak_into_the_host_is_caught() -> None:
    seen: list[Tensor] = []

    class Leaky(Changed):
        @staticmethod
        def change(x: Tensor, f: Tensor) -> Tensor:
            if x.requires_grad:
                seen.append(x)
            return f + seen[-1] if seen else f

    assert "isolation holds" in failures(Leaky)


def test_writing_into_the_hosts_features_is_caught() -> None:
    class Writing(Changed):
        @staticmethod
        def change(x: Tensor, f: Tensor) -> Tensor:
            x.data.mul_(1.5)
            return f

    assert "isolation holds" in failures(Writing)


def test_a_leak_between_rows_is_caught() -> None:
    class Mixing(Changed):
        change = staticmethod(lambda x, f: f + f.mean(0, keepdim=True))

    assert failures(Mixing) == {"stacked = solo"}


class Tied(ConvSmallSeed):
    """Two convolutions with one weight: the second reads it the other way round."""

    def branch(self, x_rbchw: Tensor) -> Tensor:
        return self.back(super().branch(x_rbchw), self.convolution.weight.transpose(1, 2))

    def back(self, x_rbchw: Tensor, weight: Tensor) -> Tensor:
        return stacked_conv2d(x_rbchw, weight, None, padding=0, groups=1, algorithm=self.algorithm)


def test_a_tied_weight_is_right_under_every_algorithm() -> None:
    assert failures(Tied) == set()


def test_what_reads_a_weight_otherwise_under_one_algorithm_is_caught() -> None:
    class Careless(Tied):
        def back(self, x_rbchw: Tensor, weight: Tensor) -> Tensor:
            return super().back(x_rbchw, weight.transpose(1, 2) if self.algorithm == "native" else weight)

    assert failures(Careless) == {"all algorithms agree"}
    assert "under native is off by" in str(check_blueprint(MINE))


def test_a_gradient_that_is_lost_under_one_algorithm_is_caught() -> None:
    class Detached(Tied):
        def back(self, x_rbchw: Tensor, weight: Tensor) -> Tensor:
            return super().back(x_rbchw, weight.detach() if self.algorithm == "native" else weight)

    assert failures(Detached) == {"all algorithms agree"}
    assert "the gradient of" in str(check_blueprint(MINE))


def test_a_changed_shape_is_caught_before_anything_else() -> None:
    class Cropped(ConvSmallSeed):
        def forward(self, x_rbchw: Tensor) -> Tensor:
            return super().forward(x_rbchw)[..., 1:]

    assert failures(Cropped) == {"shape kept"}
    assert check_blueprint(MINE).distance_at_birth is None


def test_a_loud_newborn_and_a_wrong_estimate_are_caught() -> None:
    class Loud(Changed):
        change = staticmethod(lambda x, f: 100.0 * f)

    assert "close to its input at birth" in failures(Loud, estimate=50_000)
    assert "parameters as declared" in {check.name for check in check_blueprint(MINE).failures}


def tiny(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(1, channels), nn.SiLU())


def test_an_ordinary_module_is_a_blueprint() -> None:
    count = 9 * 16**2 + 16 + 2 * 16 + 16
    assert failures(module_blueprint(tiny), estimate=count) == set()
    made = registry.build_seed(
        MINE, channels=16, layer_scale=0.1, generators=[torch.Generator().manual_seed(1)], algorithm="grouped"
    )
    other = registry.build_seed(
        MINE, channels=16, layer_scale=0.1, generators=[torch.Generator().manual_seed(2)], algorithm="grouped"
    )
    assert parameters_per_row(made) == count
    x = torch.randn(2, 3, 16, 4, 4, generator=torch.Generator().manual_seed(3))
    alone = other(x[1:])
    append_rows(made, other)
    torch.testing.assert_close(made(x)[1:], alone)


def test_a_module_draws_from_its_own_generator_only() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    build = module_blueprint(tiny)
    first, second = (build(4, 0.1, [torch.Generator().manual_seed(1)], "loop") for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for mine, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_module_with_running_statistics_is_refused() -> None:
    with pytest.raises(ConfigError, match="running_mean"):
        module_blueprint(lambda channels: nn.BatchNorm2d(channels))(4, 0.1, [torch.Generator()], "loop")


@pytest.mark.parametrize("module", [nn.Dropout(0.1), nn.Sequential(nn.Identity(), nn.Dropout2d()), nn.RReLU()])
def test_a_module_that_draws_random_numbers_is_refused_by_name(module: nn.Module) -> None:
    register_blueprint(MINE, module_blueprint(lambda channels: module), parameter_estimate=lambda channels: 1)
    kind = type(list(module.modules())[-1]).__name__
    with pytest.raises(ConfigError, match=rf"blueprint {MINE.name}: {kind} .*draws random numbers"):
        build_seed(MINE, channels=4, layer_scale=0.1, generators=[torch.Generator()], algorithm="grouped")


def test_a_registered_blueprint_is_offered_to_the_controller() -> None:
    assert MINE not in available_blueprints(Topology.CNN)
    register_blueprint(MINE, ConvSmallSeed, parameter_estimate=lambda channels: channels**2)
    assert MINE in available_blueprints(Topology.CNN)
    with pytest.raises(ConfigError, match="registered twice"):
        register_blueprint(MINE, ConvSmallSeed, parameter_estimate=lambda channels: channels**2)
    with pytest.raises(ConfigError, match="NOOP"):
        register_blueprint(Blueprint.NOOP, ConvSmallSeed, parameter_estimate=lambda channels: channels**2)


def test_a_blueprint_may_replace_one_of_esper() -> None:
    register_blueprint(Blueprint.NORM, ConvSmallSeed, parameter_estimate=lambda channels: channels**2)
    made = registry.build_seed(
        Blueprint.NORM, channels=4, layer_scale=0.1, generators=[torch.Generator()], algorithm="loop"
    )
    assert isinstance(made, ConvSmallSeed)
