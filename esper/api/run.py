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
    from torch import nn

    from esper.checkpoints import SavedPolicy
    from esper.history.host_files import SavedHost


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

    def hosts(self) -> tuple[SavedHost, ...]:
        """The networks that the run kept, as run.keep_hosts says, each with its description.

        Raises:
            HistoryError: one of them is damaged.
        """
        from esper.history.host_files import list_hosts

        return tuple(list_hosts(self.path))

    def load_host(self, which: str = "best") -> nn.Module:
        """A network that the run kept, as an ordinary module in evaluation mode. Loads torch.

        which: best, last, or an env and an episode such as 3,17; `esper hosts RUN` lists them.

        Raises:
            ConfigError: there is no such network, or it needs a plug-in that is not loaded.
            HistoryError: it is damaged.
        """
        from esper.export.network import load_host
        from esper.export.selection import find_host

        return load_host(find_host(self.path, which))


def open_run(path: Path | str) -> Run:
    """The run in a directory.

    Raises:
        HistoryError: there is no run at path.
    """
    return Run(RunDirectory.open(Path(path)).path)
