"""Sets up the recording of a run: directory, hub and writer. Console and cockpit both start a run with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from esper.history.codec import config_digest
from esper.history.errors import HistoryError
from esper.history.run_directory import RunDirectory
from esper.history.writer import HistoryWriter
from esper.telemetry.hub import Hub
from esper.training.config import TrainingConfig
from esper.training.vectorized_types import BatchSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run that is being recorded.

    hub: hand it to the trainer and add further sinks to it. on_summary: hand it to the trainer, too.
    """

    directory: RunDirectory
    hub: Hub
    on_summary: Callable[[BatchSummary], None]

    @property
    def run_id(self) -> str:
        return self.directory.run_id


@contextmanager
def open_recording(
    config: TrainingConfig, runs_dir: Path, *, clock: Callable[[], float] = time.time
) -> Generator[Recording]:
    """Make a run directory and record into it until the block ends; then every sink of the hub is closed.

    Raises:
        HistoryError: the run directory cannot be made. TelemetryWriteError: the record could not be completed.
    """
    directory = RunDirectory.create(runs_dir, config, clock)
    try:
        writer = HistoryWriter(
            directory,
            config_digest=config_digest(config),
            package_version=package_version(),
            created=datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds"),
        )
    except OSError as error:
        raise HistoryError(f"cannot write to {directory.path}: {error}") from error
    hub = Hub(clock)
    hub.add_sink(writer)
    try:
        yield Recording(directory=directory, hub=hub, on_summary=writer.write_summary)
    finally:
        hub.close()


def package_version() -> str:
    """Version of the installed esper."""
    return version("esper")
