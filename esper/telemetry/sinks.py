"""Sinks by name, which a run takes with `esper train --sink NAME` or `esper.train(sinks=[NAME])`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from esper.contracts.distribution import install_extra
from esper.contracts.registry import Registry
from esper.errors import ConfigError, EsperError, in_one_line, is_own
from esper.telemetry.hub import Sink
from esper.telemetry.trackers.sink import TrackedRun, Tracker, TrackerSink

SinkFactory = Callable[[Path], Sink]
"""Makes the sink of one run, from the directory of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkEntry:
    """A registered sink: its name, one line on where it sends events, and the factory that makes it.

    needs: the package that the sink needs; the extra that installs it has the same name. Empty if it needs none.
    """

    name: str
    description: str
    make: SinkFactory
    needs: str = ""


SINKS: Final[Registry[SinkEntry]] = Registry("sink", "--sink")


def register_sink(name: str, description: str, make: SinkFactory) -> None:
    """Make a sink available by name.

    make: makes the sink of one run; it is called once per run, before the first event.

    Raises:
        ConfigError: the name is taken.
    """
    SINKS.add(name, SinkEntry(name=name, description=description, make=make))


def check_sink(name: str) -> None:
    """Make sure that a sink can be made.

    Raises:
        ConfigError: there is no such sink, or what it needs is not installed.
    """
    needs = SINKS.find(name).needs
    if needs and find_spec(needs) is None:
        raise ConfigError(f"the sink {name} needs {needs}, which is not installed: {install_extra(needs)}")


def make_sink(name: str, run: Path) -> Sink:
    """The sink of that name for a run.

    run: the directory of the run.

    Raises:
        ConfigError: there is no such sink, or a plug-in's cannot be made.
    """
    make = SINKS.find(name).make
    try:
        return make(run)
    except Exception as error:  # A plug-in's code can raise anything.
        if isinstance(error, EsperError) or is_own(make):
            raise
        raise ConfigError(f"the sink {name} cannot be made: {in_one_line(error)}") from error


def _register_tracker(name: str, description: str, home: str, *, needs: str) -> None:
    """Register one of Esper's own trackers, whose module is imported when a run that uses it begins.

    home: its module in esper.telemetry.trackers, and its class there.
    """
    module, _, kind = home.partition(":")

    def open_tracker(run: TrackedRun) -> Tracker:
        return getattr(import_module(f"esper.telemetry.trackers.{module}"), kind)(run)

    def make(run: Path) -> Sink:
        return TrackerSink(name, run, open_tracker)

    SINKS.add(name, SinkEntry(name=name, description=description, make=make, needs=needs))


_register_tracker("csv", "metrics.csv in the run's folder", "csv_file:CsvTracker", needs="")
_register_tracker(
    "tensorboard", "event files in the run's folder", "tensorboard:TensorboardTracker", needs="tensorboard"
)
_register_tracker("wandb", "Weights & Biases; offline with WANDB_MODE=offline", "services:WandbTracker", needs="wandb")
_register_tracker("trackio", "Trackio's local dashboard", "services:TrackioTracker", needs="trackio")
_register_tracker("mlflow", "MLflow, at MLFLOW_TRACKING_URI", "services:MlflowTracker", needs="mlflow")
