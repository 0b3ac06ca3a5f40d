"""The ordinary torch module of every host and blueprint, including those of plug-ins."""

from __future__ import annotations

from typing import Final, Protocol

from torch import nn

from esper.contracts.actions import Blueprint, Topology
from esper.errors import ConfigError
from esper.fleet.plain.modules import PLAIN_SEEDS, PlainCNNHost, PlainHost
from esper.fleet.plain.transformer import PLAIN_TOKEN_SEEDS, PlainTransformerHost
from esper.growth.blueprints.registry import plain_twin
from esper.growth.hosts.config import HostConfig


class PlainHostFactory(Protocol):
    """Builds one host of ordinary layers."""

    def __call__(self, config: HostConfig, *, input_shape: tuple[int, ...], num_classes: int) -> PlainHost: ...


def _cnn(config: HostConfig, *, input_shape: tuple[int, ...], num_classes: int) -> PlainHost:
    return PlainCNNHost(config, in_channels=input_shape[0], num_classes=num_classes)


def _transformer(config: HostConfig, *, input_shape: tuple[int, ...], num_classes: int) -> PlainHost:
    return PlainTransformerHost(config.transformer, context=input_shape[0], vocabulary=num_classes)


_HOSTS: Final[dict[str, PlainHostFactory]] = {"cnn": _cnn, "transformer": _transformer}
_SEEDS: Final = {Topology.CNN: PLAIN_SEEDS, Topology.TRANSFORMER: PLAIN_TOKEN_SEEDS}


def register_plain_host(kind: str, build: PlainHostFactory) -> None:
    """Give the ordinary module of your own host, so that networks grown in it can be kept and exported.

    Parameters, then buffers, must be registered in the order of the stacked host's.
    """
    _HOSTS[kind] = build


def build_plain_host(config: HostConfig, *, input_shape: tuple[int, ...], num_classes: int) -> PlainHost:
    """One host of ordinary layers.

    Raises:
        ConfigError: the host is a plug-in's for which register_plain_host was not called.
    """
    if config.kind not in _HOSTS:
        raise ConfigError(
            f"host {config.kind!r} has no ordinary module, so a network grown in it cannot be kept: load its plug-in, "
            "which must call register_plain_host, or set run.keep_hosts=none"
        )
    return _HOSTS[config.kind](config, input_shape=input_shape, num_classes=num_classes)


def build_plain_seed(blueprint: Blueprint, channels: int, *, topology: Topology) -> nn.Module:
    """One seed of ordinary layers for features of this width.

    Raises:
        ConfigError: the blueprint is a plug-in's that was registered without its plain module.
    """
    registered, plain = plain_twin(blueprint, topology)
    if plain is not None:
        return plain(channels)
    if registered or blueprint not in _SEEDS[topology]:
        raise ConfigError(
            f"blueprint {blueprint.name} of {topology} hosts has no ordinary module: load its plug-in, which must "
            "register it with plain=..., or set run.keep_hosts=none"
        )
    return _SEEDS[topology][blueprint](channels)
