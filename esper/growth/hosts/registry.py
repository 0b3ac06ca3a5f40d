"""Hosts by kind: building them, and registering more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import torch

from esper.errors import ConfigError
from esper.growth.hosts.cnn import StackedCNNHost
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import (
    IMAGE_SAMPLE_DIMS,
    TOKEN_SAMPLE_DIMS,
    HostKind,
    add_host_kind,
    host_kind,
    list_host_kinds,
)
from esper.growth.hosts.protocol import HostProtocol
from esper.growth.hosts.transformer import StackedTransformerHost
from esper.layers.algorithm import StackedAlgorithm


class HostFactory(Protocol):
    """Builds as many rows of a host as there are generators."""

    def __call__(
        self,
        config: HostConfig,
        *,
        input_shape: tuple[int, ...],
        num_classes: int,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
    ) -> HostProtocol: ...


_FACTORIES: Final[dict[str, HostFactory]] = {"cnn": StackedCNNHost, "transformer": StackedTransformerHost}
_READS: Final = {IMAGE_SAMPLE_DIMS: "images (channels, height, width)", TOKEN_SAMPLE_DIMS: "tokens (context length,)"}


def register_host(kind: HostKind, build: HostFactory) -> None:
    """Make a host available as host.kind.

    Raises:
        ConfigError: the name is taken.
    """
    add_host_kind(kind)
    _FACTORIES[kind.name] = build


def check_host_fits(config: HostConfig, input_shape: tuple[int, ...], task: str, *, batch_size: int) -> None:
    """Check that this host can train on samples of this shape, so many at once.

    task: the task's name, for the message.
    batch_size: the samples of a training minibatch.

    Raises:
        ConfigError: it cannot.
    """
    dims = host_kind(config.kind).sample_dims
    if len(input_shape) == dims:
        _check_minibatch(config, input_shape, batch_size)
        return
    fitting = [kind.name for kind in list_host_kinds() if kind.sample_dims == len(input_shape)]
    remedy = f"set host.kind to {' or '.join(fitting)}, or choose another task" if fitting else "choose another task"
    raise ConfigError(
        f"host.kind is {config.kind!r}, which reads {_READS[dims]}, but task.name is {task!r}, whose samples have the "
        f"shape {input_shape}: {remedy}"
    )


def _check_minibatch(config: HostConfig, input_shape: tuple[int, ...], batch_size: int) -> None:
    fewest = host_kind(config.kind).smallest_minibatch(config, input_shape)
    if batch_size < fewest:
        raise ConfigError(
            f"fleet.batch_size is {batch_size}: it must be at least {fewest}, because this {config.kind} host "
            f"normalises over the minibatch, to which fewer samples of the shape {input_shape} give too few values"
        )


def build_host(
    config: HostConfig,
    *,
    input_shape: tuple[int, ...],
    num_classes: int,
    generators: Sequence[torch.Generator],
    algorithm: StackedAlgorithm,
) -> HostProtocol:
    """Freshly initialised hosts, one row per generator.

    Raises:
        ConfigError: the samples are too small for the host.
    """
    return _FACTORIES[config.kind](
        config, input_shape=input_shape, num_classes=num_classes, generators=generators, algorithm=algorithm
    )
