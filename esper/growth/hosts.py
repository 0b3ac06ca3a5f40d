"""Hosts by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch

from esper.contracts.validation import ConfigError
from esper.growth.config import HostConfig, HostKind
from esper.growth.host import StackedCNNHost
from esper.growth.host_protocol import HostProtocol
from esper.growth.transformer_host import StackedTransformerHost
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """A kind of host: what builds it, what its samples are called, and how many axes one of them has."""

    build: HostFactory
    reads: str
    sample_dims: int


HOSTS: Final[dict[HostKind, HostEntry]] = {
    "cnn": HostEntry(build=StackedCNNHost, reads="images (channels, height, width)", sample_dims=3),
    "transformer": HostEntry(build=StackedTransformerHost, reads="tokens (context length)", sample_dims=1),
}


def check_host_fits(config: HostConfig, input_shape: tuple[int, ...], task: str) -> None:
    """Can this kind of host read samples of this shape? task: the task's name, for the message.

    Raises:
        ConfigError: it cannot.
    """
    entry = HOSTS[config.kind]
    if len(input_shape) != entry.sample_dims:
        fitting = [kind for kind, other in HOSTS.items() if other.sample_dims == len(input_shape)]
        remedy = (
            f"set host.kind to {' or '.join(fitting)}, or choose another task" if fitting else "choose another task"
        )
        raise ConfigError(
            f"host.kind is {config.kind!r}, which reads {entry.reads}, but task.name is {task!r}, whose "
            f"samples have the shape {input_shape}: {remedy}"
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
    return HOSTS[config.kind].build(
        config, input_shape=input_shape, num_classes=num_classes, generators=generators, algorithm=algorithm
    )
