"""Blueprints made from ordinary torch modules, for which no stacked layer has to be written.

Legend: R rows, B minibatch, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from esper.errors import ConfigError
from esper.growth.blueprints.residual import ResidualSeed
from esper.layers.algorithm import StackedAlgorithm

_RANDOM: Final = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    nn.RReLU,
    nn.FractionalMaxPool2d,
    nn.FractionalMaxPool3d,
)
"""Modules that draw from torch's global random numbers, which no run's seed governs."""


class ModuleSeed(ResidualSeed):
    """R seeds whose f is an ordinary module from [B, C, H, W] to [B, C, H, W], run by vmap over stacked parameters.

    Under the loop algorithm the module is called once per row.
    """

    def __init__(
        self,
        build: Callable[[int], nn.Module],
        channels: int,
        layer_scale: float,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
    ) -> None:
        super().__init__(rows=len(generators), channels=channels, layer_scale=layer_scale, algorithm=algorithm)
        modules = [_initialised(build, channels, generator) for generator in generators]
        template = modules[0]
        _check_module(template)
        # The tuple hides the template, so that its own parameters do not count as parameters of the seed.
        self._template = (template,)
        self._names = [name for name, _ in template.named_parameters()]
        rows = [dict(module.named_parameters()) for module in modules]
        self.stacked = nn.ParameterList(torch.stack([row[name].detach() for row in rows]) for name in self._names)

    def branch(self, x_rbchw: Tensor) -> Tensor:
        parameters = dict(zip(self._names, self.stacked, strict=True))
        if self.algorithm == "grouped":
            return vmap(self._call)(parameters, x_rbchw)
        rows = [
            self._call({name: tensor[row] for name, tensor in parameters.items()}, features)
            for row, features in enumerate(x_rbchw.unbind(0))
        ]
        return torch.stack(rows)

    def _call(self, parameters: dict[str, Tensor], features: Tensor) -> Tensor:
        return functional_call(self._template[0], parameters, (features,))


class ModuleFactory:
    """Builds seeds x + gamma * f(x) whose f is an ordinary module; what module_blueprint returns."""

    def __init__(self, build: Callable[[int], nn.Module]) -> None:
        self._build = build

    def __call__(
        self, channels: int, layer_scale: float, generators: Sequence[torch.Generator], algorithm: StackedAlgorithm
    ) -> ResidualSeed:
        """As many rows as there are generators.

        Raises:
            ConfigError: the module keeps buffers, for example the running statistics of batch normalisation, or draws
                random numbers.
        """
        return ModuleSeed(self._build, channels, layer_scale, generators, algorithm)

    def plain(self, channels: int) -> nn.Module:
        """One seed of ordinary layers, with values that are still arbitrary."""
        return PlainModuleSeed(channels, self._build(channels))


class PlainModuleSeed(nn.Module):
    """x + gamma * f(x) for one env: features [B, C, H, W]."""

    def __init__(self, channels: int, branch: nn.Module) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma.view(-1, 1, 1) * self.branch(x)


def module_blueprint(build: Callable[[int], nn.Module]) -> ModuleFactory:
    """A factory for register_blueprint, of seeds that compute x + gamma * build(channels)(x).

    The module must return features of the shape that it reads. The factory raises ConfigError for a module that keeps
    buffers, for example the running statistics of a batch normalisation, and for one that draws random numbers, such
    as nn.Dropout: equal runs would not be equal any more.
    """
    return ModuleFactory(build)


def _check_module(module: nn.Module) -> None:
    """Refuse a module that rows cannot share, or whose results are not the same twice."""
    kind = type(module).__name__
    buffers = [name for name, _ in module.named_buffers()]
    if buffers:
        raise ConfigError(
            f"{kind} keeps buffers ({', '.join(buffers)}), which rows cannot share: use layers without running "
            "statistics, such as nn.GroupNorm"
        )
    for name, part in cast("Iterator[tuple[str, nn.Module]]", module.named_modules()):
        if isinstance(part, _RANDOM):
            where = f" ({name})" if name else ""
            raise ConfigError(
                f"{type(part).__name__}{where} of {kind} draws random numbers, so equal runs would not be equal: "
                "leave it out"
            )


def _initialised(build: Callable[[int], nn.Module], channels: int, generator: torch.Generator) -> nn.Module:
    """A module whose initial values depend on the generator alone."""
    seed = torch.empty((), dtype=torch.int64).random_(generator=generator)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(seed))
        return build(channels)
