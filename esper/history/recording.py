"""Sets up the recording of a run: directory, hub and writer. Console and cockpit both start a run with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from esper.contracts.distribution import package_version
from esper.errors import HistoryError, TelemetryWriteError
from esper.history.checkpoint_files import RunIdentity, write_checkpoint
from esper.history.codec import document_digest
from esper.history.group_settings import run_document
from esper.history.host_files import write_hosts
from esper.history.run_directory import RunDirectory
from esper.history.writer import HistoryWriter
from esper.telemetry.hub import Hub
from esper.training.checkpoint_records import TrainerCheckpoint
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.kept_hosts import KeptHosts
from esper.training.vectorized_types import BatchSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run that is being recorded.

    hub: hand it to the trainer and add further sinks to it.
    on_summary, on_checkpoint: hand them to the trainer, too.
    """

    directory: RunDirectory
    hub: Hub
    on_summary: Callable[[BatchSummary], None]
    on_checkpoint: Callable[[TrainerCheckpoint], None]
    on_hosts: Callable[[KeptHosts], None]

    @property
    def run_id(self) -> str:
        return self.directory.run_id


@contextmanager
def open_recording(
    config: TrainingConfig,
    runs_dir: Path,
    *,
    groups: Sequence[GroupSpec] = (),
    clock: Callable[[], float] = time.time,
) -> Generator[Recording]:
    """Make a run directory and record into it until the block ends; then every sink of the hub is closed.

    groups: of a run with several; config is then what they have in common.

    Raises:
        HistoryError: the run directory cannot be made. TelemetryWriteError: the record could not be completed.
    """
    directory = RunDirectory.create(runs_dir, config, clock, groups)
    digest = document_digest(run_document(config, groups))
    try:
        writer = HistoryWriter(
            directory,
            config_digest=digest,
            package_version=package_version(),
            created=_utc(clock()),
        )
    except OSError as error:
        raise HistoryError(f"cannot write to {directory.path}: {error}") from error
    hub = Hub(clock)
    hub.add_sink(writer)

    def keep_checkpoint(checkpoint: TrainerCheckpoint) -> None:
        """The log first: a checkpoint never knows of more rounds than the files beside it."""
        identity = RunIdentity(
            run_id=directory.run_id, config_digest=digest, package_version=package_version(), created=_utc(clock())
        )
        try:
            writer.sync()
            write_checkpoint(directory.checkpoints_path, checkpoint, identity)
        except OSError as error:
            raise TelemetryWriteError(f"no checkpoint can be written to {directory.path}: {error}") from error

    def keep_hosts(kept: KeptHosts) -> None:
        try:
            write_hosts(directory.path, kept)
        except OSError as error:
            raise TelemetryWriteError(f"no network can be written to {directory.path}: {error}") from error

    try:
        yield Recording(
            directory=directory,
            hub=hub,
            on_summary=writer.write_summary,
            on_checkpoint=keep_checkpoint,
            on_hosts=keep_hosts,
        )
    finally:
        hub.close()


def _utc(seconds: float) -> str:
    """ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
