"""A run on the disk, as one object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from esper.history.reader import iterate_events, read_events, read_history
from esper.history.run_directory import RunDirectory
from esper.telemetry.events import Event
from esper.training.config import TrainingConfig
from esper.training.vectorized_types import BatchSummary

if TYPE_CHECKING:
    from esper.checkpoints import SavedPolicy


@dataclass(frozen=True, slots=True)
class Run:
    """A run, read from its directory. Each property reads the file anew, so a run that is going on can be followed.

    path: the directory of the run.
    """

    path: Path

    @property
    def run_id(self) -> str:
        """The name of the directory."""
        return self.path.name

    @property
    def config(self) -> TrainingConfig:
        """Every setting of the run; of a run with several groups, what they have in common."""
        return RunDirectory.open(self.path).load_config()

    @property
    def summaries(self) -> list[BatchSummary]:
        """One summary per completed round and policy group, oldest first."""
        return read_history(self.path)

    @property
    def events(self) -> list[Event]:
        """Everything that happened, oldest first; all of it is held in memory."""
        return read_events(self.path)

    def iterate_events(self) -> Iterator[Event]:
        """Everything that happened, one event at a time."""
        return iterate_events(self.path)

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """The directories of the checkpoints, oldest first."""
        return tuple(sorted(RunDirectory.open(self.path).checkpoints_path.glob("round-*")))

    def policy(self, group_id: str | None = None) -> SavedPolicy:
        """What the controller had learned at the latest checkpoint. Loads torch.

        group_id: the group whose policy is wanted. It may be left out if only one group has a policy.

        Raises:
            ConfigError, CheckpointError: there is no such policy, or the checkpoint cannot be used.
        """
        from esper.checkpoints import load_policy

        return load_policy(self.path, group_id=group_id)


def open_run(path: Path | str) -> Run:
    """The run in a directory.

    Raises:
        HistoryError: there is no run at path.
    """
    return Run(RunDirectory.open(Path(path)).path)
