"""Sets up the recording of a run: directory, hub and writer. Both the console and the cockpit start a run with it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from esper.contracts.distribution import package_version
from esper.errors import ConfigError, HistoryError, TelemetryWriteError
from esper.history.checkpoint_files import RunIdentity, write_checkpoint
from esper.history.host_files import write_hosts
from esper.history.identity import run_digest
from esper.history.lines import read_header
from esper.history.provenance import find_provenance
from esper.history.records import SCHEMA_VERSION, FileHeader
from esper.history.resuming import ResumePoint, cut_back
from esper.history.retention import remove_superseded
from esper.history.run_directory import RunDirectory
from esper.history.run_lock import RunLock
from esper.history.writer import HistoryWriter
from esper.telemetry.events import Event
from esper.telemetry.hub import Hub, Sink
from esper.telemetry.sinks import make_sink
from esper.training.checkpoint_records import TrainerCheckpoint
from esper.training.config import RunConfig, TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.kept_hosts import KeptHosts
from esper.training.vectorized_types import BatchSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run that is being recorded.

    hub: for the trainer; further sinks can be added to it.
    on_summary, on_checkpoint: for the trainer.
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
    sinks: Sequence[Sink] = (),
    clock: Callable[[], float] = time.time,
) -> Generator[Recording]:
    """Make a run directory, and record into it until the block ends. Then every sink of the hub is closed.

    groups: the groups of a run with several. config is what they have in common.
    sinks: receive every event too, like those that run.sinks names.

    Raises:
        ConfigError: run.sinks names a sink that is not registered.
        HistoryError: the run directory cannot be made.
        TelemetryWriteError: the record could not be completed.
    """
    directory = RunDirectory.create(runs_dir, config, clock, groups)
    digest = run_digest(config, groups)
    header = FileHeader(
        schema_version=SCHEMA_VERSION,
        run_id=directory.run_id,
        config_digest=digest,
        package_version=package_version(),
        created=_utc(clock()),
        file="events",
        provenance=find_provenance(config.run.plugins),
    )
    with _held(directory.path):
        yield from _record(directory, header, digest, clock, config.run, sinks, last_seq=0)


@contextmanager
def resume_recording(point: ResumePoint, *, clock: Callable[[], float] = time.time) -> Generator[Recording]:
    """Go on recording in a run's own directory, from its checkpoint on. What came after the checkpoint is cut off.

    Raises:
        HistoryError: another process writes the run, or its logs cannot be used.
        TelemetryWriteError: the record could not be completed.
    """
    directory = point.directory
    with _held(directory.path):
        try:
            cut_back(point)
        except OSError as error:
            raise HistoryError(f"cannot write to {directory.path}: {error}") from error
        digest = read_header(directory.events_path, "events").config_digest
        last_seq = point.checkpoint.manifest.last_seq
        run = point.config.run
        yield from _record(directory, None, digest, clock, run, (), last_seq=last_seq, orders=point.orders)


@contextmanager
def _held(run: Path) -> Generator[None]:
    """The run's lock, for as long as the block takes."""
    try:
        lock = RunLock(run)
    except OSError as error:
        raise HistoryError(f"cannot write to {run}: {error}") from error
    try:
        yield
    finally:
        lock.close()


def _record(
    directory: RunDirectory,
    header: FileHeader | None,
    digest: str,
    clock: Callable[[], float],
    run: RunConfig,
    sinks: Sequence[Sink],
    *,
    last_seq: int,
    orders: Sequence[Event] = (),
) -> Generator[Recording]:
    """The recording itself.

    header: as for HistoryWriter.
    sinks: those that run.sinks does not name.
    orders: what the operator ordered in the part of the log that was cut off. It is recorded anew at once, so that the
        next interruption does not lose it.
    """
    try:
        named = [make_sink(name, directory.path) for name in run.sinks]
    except ConfigError:
        if header is not None:  # It is a new run, of which there is nothing yet.
            shutil.rmtree(directory.path)
        raise
    try:
        writer = HistoryWriter(directory, header, last_seq=last_seq)
    except OSError as error:
        raise HistoryError(f"cannot write to {directory.path}: {error}") from error
    hub = Hub(clock, last_seq=last_seq)
    hub.add_sink(writer)
    for sink in (*named, *sinks):
        hub.add_sink(sink)

    for order in orders:
        hub.emit(order.payload, group_id=order.group_id)

    def keep_checkpoint(checkpoint: TrainerCheckpoint) -> None:
        """Write the log first, so that a checkpoint never knows of more rounds than the files beside it."""
        identity = RunIdentity(
            run_id=directory.run_id, config_digest=digest, package_version=package_version(), created=_utc(clock())
        )
        try:
            writer.sync()
            write_checkpoint(directory.checkpoints_path, checkpoint, identity)
            remove_superseded(directory.path, run.keep_checkpoints)
        except (OSError, HistoryError) as error:
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
