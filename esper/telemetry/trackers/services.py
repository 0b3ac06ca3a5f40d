"""The trackers of services with an account or a server: wandb, trackio and mlflow.

Each is imported when its run starts. The protocols say what of it is used, because none of them is fully typed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Final, Protocol, cast

from esper.telemetry.trackers.figures import Figures
from esper.telemetry.trackers.sink import TrackedRun

PROJECT: Final = "esper"
"""What the runs are collected under; WANDB_PROJECT and MLFLOW_EXPERIMENT_NAME name another place."""


class _WandbRun(Protocol):
    def log(self, data: Mapping[str, float], step: int) -> None: ...
    def finish(self) -> None: ...


class _Wandb(Protocol):
    def init(self, *, project: str, id: str, name: str, dir: str, resume: str, config: object) -> _WandbRun: ...


class _Trackio(Protocol):
    def init(self, *, project: str, name: str, resume: str, config: object) -> object: ...
    def log(self, metrics: Mapping[str, float], step: int) -> None: ...
    def finish(self) -> None: ...


class _Mlflow(Protocol):
    def set_experiment(self, experiment_name: str) -> object: ...
    def start_run(self, *, run_name: str) -> object: ...
    def log_params(self, params: Mapping[str, str]) -> object: ...
    def log_metrics(self, metrics: Mapping[str, float], step: int) -> object: ...
    def end_run(self) -> None: ...


class WandbTracker:
    """A run of Weights & Biases with the name of the run's folder. WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, run: TrackedRun) -> None:
        wandb = cast("_Wandb", import_module("wandb"))
        self._run = wandb.init(
            project=_named("WANDB_PROJECT"),
            id=run.name,
            name=run.name,
            dir=str(run.path),
            resume="allow",
            config=run.settings(),
        )

    def log(self, figures: Figures) -> None:
        """Send the figures."""
        self._run.log(figures.values, step=figures.batch)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


class TrackioTracker:
    """A run of Trackio, whose dashboard is local."""

    def __init__(self, run: TrackedRun) -> None:
        self._trackio = cast("_Trackio", import_module("trackio"))
        self._trackio.init(project=PROJECT, name=run.name, resume="allow", config=run.settings())

    def log(self, figures: Figures) -> None:
        """Send the figures."""
        self._trackio.log(figures.values, step=figures.batch)

    def close(self) -> None:
        """Finish the run."""
        self._trackio.finish()


class MlflowTracker:
    """A run of MLflow. Where it is kept, MLFLOW_TRACKING_URI says."""

    def __init__(self, run: TrackedRun) -> None:
        self._mlflow = cast("_Mlflow", import_module("mlflow"))
        self._mlflow.set_experiment(_named("MLFLOW_EXPERIMENT_NAME"))
        self._mlflow.start_run(run_name=run.name)
        for table, values in run.settings().items():
            self._mlflow.log_params({f"{table}.{key}": str(value)[:_LONGEST_PARAM] for key, value in values.items()})

    def log(self, figures: Figures) -> None:
        """Send the figures."""
        self._mlflow.log_metrics(figures.values, step=figures.batch)

    def close(self) -> None:
        """End the run."""
        self._mlflow.end_run()


_LONGEST_PARAM: Final = 500
"""MLflow refuses longer values."""


def _named(variable: str) -> str:
    return os.environ.get(variable) or PROJECT
