"""Sinks by name, which a run takes with `esper train --sink NAME` or `esper.train(sinks=[NAME])`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.contracts.registry import Registry
from esper.telemetry.hub import Sink

SinkFactory = Callable[[Path], Sink]
"""Makes the sink of one run, from the directory of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkEntry:
    """A registered sink: its name, one line on where it sends events, and the factory that makes it."""

    name: str
    description: str
    make: SinkFactory


SINKS: Final[Registry[SinkEntry]] = Registry("sink", "--sink")


def register_sink(name: str, description: str, make: SinkFactory) -> None:
    """Make a sink available by name.

    make: makes the sink of one run; it is called once per run, before the first event.

    Raises:
        ConfigError: the name is taken.
    """
    SINKS.add(name, SinkEntry(name=name, description=description, make=make))


def make_sink(name: str, run: Path) -> Sink:
    """The sink of that name for a run.

    run: the directory of the run.

    Raises:
        ConfigError: there is no such sink.
    """
    return SINKS.find(name).make(run)
